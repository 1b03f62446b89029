"""Running a task: its effect and its completion commit together or not at all."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from celery.exceptions import Ignore, Reject
from landfast_outbox import consumer, store
from landfast_outbox.celery import enqueue_many
from landfast_outbox.exceptions import IgnoreError, RejectError, UncertainError
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase
from landfast_outbox.task import NotDurableError, PayloadError
from landfast_testing.waiting import DEADLINE
from psycopg import OperationalError
from sqlalchemy import text

from tests import bodies
from tests.app import add, plain
from tests.worker import Ended, deliver, effects, error, make_due, state, take, work

if TYPE_CHECKING:
    from collections.abc import Callable

    from landfast_outbox.celery import DurableTask
    from landfast_testing.outbox import Outbox
    from psycopg import Connection

    from tests.bodies import Kind

pytestmark = pytest.mark.usefixtures("worker_databases")


def test_effect_and_completion_commit_together(kind: Kind, connection: Connection[Any]) -> None:
    task, leave = kind

    def body(_task: object, what: str) -> str:
        leave(what)
        if not task.long:
            assert (effects(connection), state(connection)) == ([], "in flight")
        return what

    bodies.choose(body)
    result = task.delay("one")

    assert work(connection) == [Ended("SUCCESS", "one")]
    assert (effects(connection), state(connection)) == (["one"], "done")
    assert result.get(timeout=DEADLINE) == "one"


def test_a_long_task_without_an_effect_is_completed_too(connection: Connection[Any]) -> None:
    bodies.choose(lambda _task: 7)
    bodies.long.delay()

    assert work(connection) == [Ended("SUCCESS", 7)]
    assert state(connection) == "done"


def test_what_fails_leaves_nothing_but_a_dead_letter(kind: Kind, connection: Connection[Any]) -> None:
    task, leave = kind

    def body(_task: object) -> None:
        if not task.long:
            leave("one")
            add.delay(1, 1)
        raise LookupError("no such \0 thing \ud800")

    bodies.choose(body)
    task.delay()

    [ended] = work(connection)
    assert (ended.state, type(ended.result)) == ("FAILURE", LookupError)
    assert (effects(connection), state(connection)) == ([], "dead")
    assert "Traceback" in error(connection)
    assert "LookupError: no such" in error(connection)
    assert work(connection) == []


def test_a_duplicate_is_told_the_result_and_not_run(kind: Kind, connection: Connection[Any]) -> None:
    task, leave = kind
    bodies.choose(lambda _task: leave("one") or {"sum": [8]})
    task.delay()
    [message] = take(connection)

    assert deliver(message) == Ended("SUCCESS", {"sum": [8]})
    expected = "one" if task.long else {"sum": [8]}
    assert deliver(message) == deliver(message, deliveries=7) == Ended("SUCCESS", expected)
    assert (effects(connection), state(connection)) == (["one"], "done")


def test_a_duplicate_of_a_task_without_result_goes_by(connection: Connection[Any]) -> None:
    bodies.choose(lambda _task: bodies.in_sqlalchemy("one"))
    bodies.quiet.delay()
    [message] = take(connection)

    assert [deliver(message).state for _ in range(2)] == ["SUCCESS", "IGNORED"]
    assert effects(connection) == ["one"]


def test_a_duplicate_that_comes_while_the_task_runs_goes_away(kind: Kind, connection: Connection[Any]) -> None:
    task, leave = kind
    meanwhile: list[Ended] = []

    def deliver_again() -> None:
        from django.db import connection as own  # noqa: PLC0415 - the settings must be there first

        meanwhile.append(deliver(message, deliveries=1))
        own.close()

    def body(_task: object) -> None:
        thread = threading.Thread(target=deliver_again)
        thread.start()
        thread.join()
        leave("one")

    bodies.choose(body)
    task.delay()
    [message] = take(connection)

    assert deliver(message).state == "SUCCESS"
    assert [ended.state for ended in meanwhile] == ["IGNORED"]
    assert effects(connection) == ["one"]


@pytest.mark.parametrize("task", [bodies.long, bodies.stubborn_long])
def test_of_two_long_runs_at_once_one_commits(connection: Connection[Any], task: DurableTask) -> None:
    def body(_task: object) -> None:
        store.complete(connection, message.id, '"the other"')  # as the other run does, whose lock was lost
        bodies.in_long("one")

    bodies.choose(body)
    task.delay()
    [message] = take(connection)

    assert deliver(message).state == "IGNORED"
    assert (effects(connection), state(connection)) == ([], "done")
    assert deliver(message) == Ended("SUCCESS", "the other")


def test_a_task_that_is_a_dead_letter_is_not_run_until_it_is_redriven(connection: Connection[Any]) -> None:
    def fail(_task: object) -> NoReturn:
        raise LookupError("not yet")

    bodies.choose(fail)
    bodies.sqlalchemy.delay()
    [message] = take(connection)
    deliver(message)
    bodies.choose(lambda _task: 7)

    assert deliver(message).state == "IGNORED"
    store.redrive(connection, [message.id])
    assert work(connection) == [Ended("SUCCESS", 7)]


def test_an_error_that_django_will_roll_back_for_is_not_taken_for_a_success(connection: Connection[Any]) -> None:
    def body(_task: object) -> None:
        from django.db import IntegrityError, transaction  # noqa: PLC0415 - the settings must be there first

        bodies.in_django("one")
        with suppress(IntegrityError), transaction.atomic(savepoint=False):
            raise IntegrityError("no such author")

    bodies.choose(body)
    bodies.django.delay()

    assert [ended.state for ended in work(connection)] == ["FAILURE"]
    assert (effects(connection), state(connection)) == ([], "dead")
    assert "TransactionManagementError" in error(connection)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_body_that_ends_its_transaction_is_a_dead_letter_that_says_so(connection: Connection[Any], end: str) -> None:
    def body(_task: object) -> None:
        bodies.in_sqlalchemy("one")
        getattr(SQLAlchemyDatabase.connection(), end)()

    bodies.choose(body)
    bodies.sqlalchemy.delay()

    assert [ended.state for ended in work(connection)] == ["FAILURE"]
    assert state(connection) == "dead"
    assert "ended the transaction" in error(connection)


def test_a_constraint_that_is_checked_at_the_commit_is_a_dead_letter(connection: Connection[Any]) -> None:
    connection.execute("CREATE TABLE once (what text UNIQUE DEFERRABLE INITIALLY DEFERRED)")

    def body(_task: object) -> None:
        bodies.in_sqlalchemy("one")
        SQLAlchemyDatabase.connection().execute(text("INSERT INTO once VALUES ('same'), ('same')"))

    bodies.choose(body)
    bodies.sqlalchemy.delay()
    try:
        assert [ended.state for ended in work(connection)] == ["FAILURE"]
    finally:
        connection.execute("DROP TABLE once")
    assert (effects(connection), state(connection)) == ([], "dead")
    assert "once_what_key" in error(connection)


def test_what_a_task_sends_belongs_to_its_transaction(connection: Connection[Any], outbox: Outbox) -> None:
    runs: list[int] = []

    def body(_task: object, database: str) -> None:
        add.delay(database, 1)
        enqueue_many(add, [((database, each), {}) for each in range(60)])
        runs.append(1)
        if len(runs) % 2:
            raise LookupError("first")

    bodies.choose(body)
    for task in (bodies.sqlalchemy, bodies.django):
        before = len(outbox.tasks) + 1
        task.delay(task.name)
        [message] = take(connection)
        deliver(message)
        assert len(outbox.tasks) == before
        store.redrive(connection, [message.id])
        assert [deliver(each).state for each in take(connection)] == ["SUCCESS"]
        assert len(outbox.tasks) == before + 61
        connection.execute("UPDATE outbox.task SET completed_at = now() WHERE completed_at IS NULL")


def test_what_a_long_task_sends_with_its_effect_belongs_to_that(connection: Connection[Any], outbox: Outbox) -> None:
    def body(_task: object) -> None:
        with consumer.effect():
            add.delay(1, 1)
            raise LookupError("late")

    bodies.choose(body)
    bodies.long.delay()

    assert [ended.state for ended in work(connection)] == ["FAILURE"]
    assert [task.name for task in outbox.tasks] == ["tests.body.long"]


@pytest.mark.parametrize("wish", [Ignore, IgnoreError])
@pytest.mark.parametrize("task", [bodies.sqlalchemy, bodies.stubborn, bodies.long])
def test_a_body_that_wants_nobody_to_be_told_is_done(
    connection: Connection[Any], task: DurableTask, wish: type[BaseException]
) -> None:
    def body(running: DurableTask) -> NoReturn:
        if not running.long:
            bodies.in_sqlalchemy("one")
        raise wish

    bodies.choose(body)
    task.delay()
    [message] = take(connection)

    assert [deliver(message).state for _ in range(2)] == ["IGNORED", "IGNORED"]
    assert state(connection) == "done"
    assert effects(connection) == ([] if task.long else ["one"])


@pytest.mark.parametrize("wish", [Reject, RejectError])
@pytest.mark.parametrize(("requeue", "left"), [(False, "dead"), (True, "in flight")])
def test_a_body_may_reject_its_message(
    connection: Connection[Any],
    requeue: bool,  # noqa: FBT001
    left: str,
    wish: Callable[..., BaseException],
) -> None:
    def body(_task: object) -> NoReturn:
        bodies.in_sqlalchemy("one")
        raise wish("not mine", requeue=requeue)

    bodies.choose(body)
    bodies.sqlalchemy.delay()

    assert [ended.state for ended in work(connection)] == ["REJECTED"]
    assert (effects(connection), state(connection)) == ([], left)
    assert requeue or "not mine" in error(connection)


def test_a_result_that_is_no_json_makes_a_dead_letter(connection: Connection[Any]) -> None:
    def body(_task: object) -> object:
        bodies.in_sqlalchemy("one")
        return object()

    bodies.choose(body)
    bodies.sqlalchemy.delay()

    [ended] = work(connection)
    assert isinstance(ended.result, PayloadError)
    assert (effects(connection), state(connection)) == ([], "dead")


def test_a_task_that_would_become_another_is_a_dead_letter(connection: Connection[Any]) -> None:
    bodies.choose(lambda running: running.replace(plain.s(1)))
    bodies.sqlalchemy.delay()

    [ended] = work(connection)
    assert isinstance(ended.result, NotDurableError)
    assert state(connection) == "dead"


def test_a_short_task_has_its_transaction_already(connection: Connection[Any]) -> None:
    bodies.choose(lambda _task: bodies.in_long("one"))
    bodies.sqlalchemy.delay()

    [ended] = work(connection)
    assert isinstance(ended.result, RuntimeError)
    assert (effects(connection), state(connection)) == ([], "dead")


def test_outside_a_task_there_is_no_effect_and_no_connection() -> None:
    with pytest.raises(RuntimeError, match="long=True"):
        bodies.in_long("one")
    with pytest.raises(RuntimeError, match="no durable task"):
        bodies.in_sqlalchemy("one")


def test_a_task_whose_database_nobody_named_says_so(connection: Connection[Any]) -> None:
    bodies.choose(lambda _task: None)
    bodies.homeless.delay()

    [ended] = work(connection)
    assert "needs the database 'elsewhere'" in str(ended.result)


def test_a_message_of_the_time_before_the_outbox_just_runs(connection: Connection[Any]) -> None:
    bodies.choose(lambda _task: "ran")
    bodies.sqlalchemy.delay()
    [message] = take(connection)
    connection.execute("DELETE FROM outbox.task")
    del message.headers["durable"]

    assert deliver(message) == Ended("SUCCESS", "ran")


@pytest.mark.parametrize("end", ["death", "outage"])
def test_a_run_that_passed_its_point_of_no_return_and_has_no_known_end_is_a_dead_letter(
    kind: Kind, connection: Connection[Any], end: str
) -> None:
    task, _leave = kind
    runs: list[int] = []

    def body(_task: object) -> NoReturn:
        runs.append(1)
        consumer.point_of_no_return()
        if end == "outage":
            raise OperationalError("server closed the connection unexpectedly")
        raise SystemExit

    bodies.choose(body)
    task.delay()
    [message] = take(connection)
    with suppress(SystemExit):
        deliver(message)
    make_due(connection)
    if end == "outage":
        [message] = take(connection)

    assert isinstance(deliver(message, deliveries=1).result, UncertainError)
    assert (len(runs), state(connection)) == (1, "dead")
    assert "may have taken effect" in error(connection)
    store.redrive(connection, [message.id])
    bodies.choose(lambda _task: 7)
    assert [ended.state for ended in work(connection)] == ["SUCCESS"]


@pytest.mark.parametrize("known", ["done", "retried"])
def test_a_run_that_passed_its_point_of_no_return_and_ended_is_as_any_other(
    kind: Kind, connection: Connection[Any], known: str
) -> None:
    task, leave = kind

    def body(running: DurableTask) -> None:
        consumer.point_of_no_return()
        if known == "retried" and not running.request.retries:
            raise running.retry(countdown=0)
        leave("one")

    bodies.choose(body)
    task.delay()
    states = [ended.state for _ in range(2) for ended in work(connection)]

    assert states == (["SUCCESS"] if known == "done" else ["RETRY", "SUCCESS"])
    assert (effects(connection), state(connection)) == (["one"], "done")


def test_outside_a_task_there_is_always_a_return() -> None:
    consumer.point_of_no_return()
