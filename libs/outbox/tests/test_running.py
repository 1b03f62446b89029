"""Running a task: its effect and its completion commit together or not at all."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals
from celery.app.task import Context
from celery.exceptions import Ignore, MaxRetriesExceededError, Reject, Retry
from landfast_outbox import consumer, store
from landfast_outbox.celery import bury_from_outside, database_of, enqueue_many
from landfast_outbox.databases import DjangoDatabase, SQLAlchemyDatabase, connect
from landfast_outbox.task import NotDurableError, PayloadError
from sqlalchemy import create_engine, text

from tests import bodies
from tests.app import add, plain
from tests.worker import Ended, deliver, take, work

if TYPE_CHECKING:
    from collections.abc import Callable

    from landfast_outbox.celery import DurableTask
    from landfast_runtime.connections import Postgres
    from landfast_testing.outbox import Outbox
    from psycopg import Connection
    from sqlalchemy import Engine

    Kind = tuple[DurableTask, Callable[[str], None]]


class WorkerGone(BaseException):
    """The worker dies here."""


@pytest.fixture(autouse=True)
def _a_worker_s_databases(
    request: pytest.FixtureRequest, postgres: Postgres, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    request.getfixturevalue("django_connection")
    request.getfixturevalue("sessions")
    monkeypatch.setattr(consumer, "FIRST_WAIT", 0.01)
    consumer.use(SQLAlchemyDatabase(lambda: engine, postgres))
    consumer.use(DjangoDatabase(postgres), "django")


def refuse() -> NoReturn:
    raise psycopg.OperationalError("connection refused")


@pytest.fixture(params=list(bodies.KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    """A task, and how its body leaves an effect."""
    return bodies.KINDS[request.param]


def effects(connection: Connection[Any]) -> list[str]:
    return [what for (what,) in connection.execute("SELECT what FROM effect").fetchall()]


def state(connection: Connection[Any]) -> str:
    """Return the condition of the only task."""
    row = connection.execute(
        """
        SELECT CASE WHEN completed_at IS NOT NULL THEN 'done' WHEN dead_at IS NOT NULL THEN 'dead'
            WHEN published_at IS NOT NULL THEN 'in flight' ELSE 'pending' END FROM outbox.task
        """
    ).fetchone()
    assert row
    return str(row[0])


def error(connection: Connection[Any]) -> str:
    row = connection.execute("SELECT error FROM outbox.task").fetchone()
    assert row
    return str(row[0])


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
    assert result.get(timeout=5) == "one"


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


def test_a_retry_rewrites_the_row(kind: Kind, connection: Connection[Any]) -> None:
    task, leave = kind

    def body(running: DurableTask, text: str) -> str:
        if not running.request.retries:
            if not task.long:
                leave("too early")
            raise running.retry(countdown=30, exc=LookupError("not yet"))
        leave(text)
        return text

    bodies.choose(body)
    task.apply_async(("one",), priority=3, headers={"tenant": "mine"})
    [message] = take(connection)

    assert deliver(message).state == "RETRY"
    assert (effects(connection), state(connection)) == ([], "pending")
    assert "not yet" in error(connection)
    assert deliver(message).state == "IGNORED", "its time has not come"
    due = store.next_due(connection)
    assert due is not None
    assert 25 < due <= 30
    connection.execute("UPDATE outbox.task SET due_at = now()")
    [again] = take(connection)
    assert (again.id, again.headers["retries"], again.headers["tenant"]) == (message.id, 1, "mine")
    assert (again.queue, again.properties) == (message.queue, message.properties)
    assert deliver(again) == Ended("SUCCESS", "one")
    assert (effects(connection), state(connection)) == (["one"], "done")


def test_retries_wait_longer_each_time_and_end_as_a_dead_letter(connection: Connection[Any]) -> None:
    def body(_task: object) -> NoReturn:
        raise LookupError("never")

    bodies.choose(body)
    bodies.stubborn.delay()
    waits = []
    for _ in range(2):
        assert [ended.state for ended in work(connection)] == ["RETRY"]
        waits.append(round(store.next_due(connection) or 0))
        connection.execute("UPDATE outbox.task SET due_at = now()")

    assert waits == [7, 14]
    [ended] = work(connection)
    assert (ended.state, type(ended.result)) == ("FAILURE", LookupError)
    assert state(connection) == "dead"
    assert "LookupError: never" in error(connection)


def test_retries_without_a_reason_end_as_a_dead_letter_too(connection: Connection[Any]) -> None:
    def body(running: DurableTask) -> NoReturn:
        raise running.retry(max_retries=0)

    bodies.choose(body)
    bodies.sqlalchemy.delay()

    [ended] = work(connection)
    assert isinstance(ended.result, MaxRetriesExceededError)
    assert state(connection) == "dead"


def test_a_retry_by_the_clock_is_in_time(connection: Connection[Any]) -> None:
    def body(running: DurableTask) -> NoReturn:
        raise running.retry(eta=datetime.now(UTC) + timedelta(minutes=5))

    bodies.choose(body)
    bodies.sqlalchemy.delay()
    work(connection)

    assert 290 < (store.next_due(connection) or 0) <= 300


def test_a_retry_that_is_made_by_hand_is_a_mistake_and_says_so(connection: Connection[Any]) -> None:
    def body(_task: object) -> NoReturn:
        raise Retry

    bodies.choose(body)
    bodies.sqlalchemy.delay()

    assert [ended.state for ended in work(connection)] == ["FAILURE"]
    assert (state(connection), error(connection)) == ("dead", "a durable task retries by self.retry()")


def test_a_task_that_kills_its_worker_each_time_ends_as_a_dead_letter(kind: Kind, connection: Connection[Any]) -> None:
    task, _leave = kind
    runs: list[int] = []

    def body(_task: object) -> NoReturn:
        runs.append(1)
        raise WorkerGone

    bodies.choose(body)
    result = task.delay()
    [message] = take(connection)
    for deliveries in range(consumer.DEATHS):
        with pytest.raises(WorkerGone):
            deliver(message, deliveries=deliveries)
    assert state(connection) == "in flight"

    ended = deliver(message, deliveries=consumer.DEATHS)
    assert (ended.state, type(ended.result)) == ("FAILURE", WorkerLostError)
    assert (len(runs), state(connection)) == (consumer.DEATHS, "dead")
    assert f"died {consumer.DEATHS} times" in error(connection)
    assert result.state == "FAILURE"


def test_the_run_after_one_that_ended_may_begin_at_once(kind: Kind, connection: Connection[Any]) -> None:
    task, _leave = kind
    runs: list[int] = []

    def body(_task: object) -> NoReturn:
        runs.append(1)
        raise WorkerGone

    bodies.choose(body)
    task.delay()
    [message] = take(connection)
    for _ in range(50):
        with pytest.raises(WorkerGone):
            deliver(message)
    assert len(runs) == 50


def terminate(connection: Connection[Any], *names: str) -> None:
    """Cut off everybody but the tests' own connections."""
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND application_name <> ALL (%s)",
        (["test", "another", *names],),
    )


def test_an_outage_of_the_database_costs_another_run_and_no_second_effect(
    kind: Kind, connection: Connection[Any]
) -> None:
    task, leave = kind
    runs: list[int] = []

    def body(_task: object) -> int:
        runs.append(1)
        if not task.long:
            leave("one")
        if len(runs) == 1:
            terminate(connection)
        if task.long:
            leave("one")
        return len(runs)

    bodies.choose(body)
    result = task.delay()

    assert [ended.state for ended in work(connection)] == ["SUCCESS"]
    assert (effects(connection), state(connection)) == (["one"], "done")
    assert result.get(timeout=5) == len(runs)


def test_an_outage_that_the_body_retries_by_itself_has_no_second_effect(connection: Connection[Any]) -> None:
    runs: list[int] = []

    def body(_task: object) -> None:
        bodies.in_sqlalchemy("one")
        runs.append(1)
        if len(runs) == 1:
            terminate(connection)
            bodies.in_sqlalchemy("two")

    bodies.choose(body)
    bodies.stubborn.delay()

    assert [ended.state for ended in work(connection)] == ["RETRY"]
    connection.execute("UPDATE outbox.task SET due_at = now()")
    assert [ended.state for ended in work(connection)] == ["SUCCESS"]
    assert effects(connection) == ["one"]


@pytest.mark.parametrize(("when", "runs"), [("before", 2), ("after", 1)])
def test_an_outage_around_the_commit_costs_no_effect_and_makes_no_second(
    kind: Kind, connection: Connection[Any], monkeypatch: pytest.MonkeyPatch, when: str, runs: int
) -> None:
    task, leave = kind
    complete, calls = store.complete, []

    def cut(opened: Connection[Any], *rest: Any) -> bool:  # noqa: ANN401 - store.complete's
        calls.append(1)
        if when == "before" and len(calls) == 1:
            terminate(connection)
        done = complete(opened, *rest)
        if len(calls) == 1:
            terminate(connection)
        return done

    monkeypatch.setattr(store, "complete", cut)
    bodies.choose(lambda _task: leave("one"))
    task.delay()

    assert [ended.state for ended in work(connection)] == ["SUCCESS"]
    assert (len(calls), effects(connection), state(connection)) == (runs, ["one"], "done")


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


def test_a_task_that_never_gets_on_with_the_database_is_a_dead_letter(
    connection: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def body(_task: object) -> None:
        from django.db import OperationalError  # noqa: PLC0415

        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(consumer, "PATIENCE", 0.1)
    bodies.choose(body)
    bodies.django.delay()

    assert [ended.state for ended in work(connection)] == ["IGNORED"]
    assert state(connection) == "dead"
    assert "statement timeout" in error(connection)


def test_a_task_is_left_to_the_relay_while_the_database_stays_away(
    connection: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    monkeypatch.setattr(consumer, "PATIENCE", 0.05)
    bodies.choose(lambda _task: bodies.in_sqlalchemy("one"))
    bodies.sqlalchemy.delay()
    [message] = take(connection)
    there = database_of(bodies.sqlalchemy)
    consumer.use(SQLAlchemyDatabase(lambda: nowhere, there._postgres))  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        assert deliver(message, deliveries=1).state == "IGNORED"
    finally:
        consumer.use(there)

    assert state(connection) == "in flight"
    assert deliver(message).state == "SUCCESS"


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


@pytest.mark.parametrize("task", [bodies.sqlalchemy, bodies.long])
def test_a_body_that_wants_nobody_to_be_told_is_done(connection: Connection[Any], task: DurableTask) -> None:
    def body(running: DurableTask) -> NoReturn:
        if not running.long:
            bodies.in_sqlalchemy("one")
        raise Ignore

    bodies.choose(body)
    task.delay()
    [message] = take(connection)

    assert [deliver(message).state for _ in range(2)] == ["IGNORED", "IGNORED"]
    assert state(connection) == "done"
    assert effects(connection) == ([] if task.long else ["one"])


@pytest.mark.parametrize(("requeue", "left"), [(False, "dead"), (True, "in flight")])
def test_a_body_may_reject_its_message(connection: Connection[Any], requeue: bool, left: str) -> None:  # noqa: FBT001
    def body(_task: object) -> NoReturn:
        bodies.in_sqlalchemy("one")
        raise Reject("not mine", requeue=requeue)

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
    assert "wants the database 'elsewhere'" in str(ended.result)


def test_a_message_of_the_time_before_the_outbox_just_runs(connection: Connection[Any]) -> None:
    bodies.choose(lambda _task: "ran")
    bodies.sqlalchemy.delay()
    [message] = take(connection)
    connection.execute("DELETE FROM outbox.task")
    del message.headers["durable"]

    assert deliver(message) == Ended("SUCCESS", "ran")


def test_a_task_that_is_killed_at_its_time_limit_is_a_dead_letter(connection: Connection[Any]) -> None:
    bodies.sqlalchemy.delay()
    [message] = take(connection)

    bodies.sqlalchemy.on_failure(ValueError("another reason"), str(message.id), (), {}, None)
    assert state(connection) == "in flight"
    bodies.sqlalchemy.on_failure(TimeLimitExceeded(20), str(message.id), (), {}, None)
    assert state(connection) == "dead"
    assert "TimeLimitExceeded(20" in error(connection)


def test_a_dead_letter_waits_for_a_process_that_is_still_to_be_killed(
    connection: Connection[Any], postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies.sqlalchemy.delay()
    [message] = take(connection)
    timers: list[tuple[float, Callable[[], None]]] = []

    class Loop:
        def call_later(self, wait: float, call: Callable[..., None], *args: object) -> None:
            timers.append((wait, partial(call, *args)))

    monkeypatch.setattr("landfast_outbox.celery.get_event_loop", Loop)
    with connect(postgres, "its-process") as process, process.transaction():
        assert store.claim(process, message.id).granted
        bury_from_outside(bodies.sqlalchemy, str(message.id), "killed")
        [(first, try_again)] = timers
        try_again()
        assert state(connection) == "in flight"

    _, (second, try_again) = timers
    assert second > first
    try_again()
    assert (state(connection), error(connection), len(timers)) == ("dead", "killed", 2)


def test_a_task_that_was_revoked_is_a_dead_letter(connection: Connection[Any]) -> None:
    bodies.sqlalchemy.delay()
    [message] = take(connection)

    signals.task_revoked.send(sender=plain, request=Context(id=str(message.id)))
    assert state(connection) == "in flight"
    signals.task_revoked.send(sender=bodies.sqlalchemy, request=Context(id=str(message.id)))
    assert (state(connection), error(connection)) == ("dead", "it was revoked")


def test_no_dead_letter_is_written_while_the_database_is_away(
    connection: Connection[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bodies.sqlalchemy.delay()
    [message] = take(connection)
    database = database_of(bodies.sqlalchemy)
    monkeypatch.setattr(database, "connect", refuse)

    bury_from_outside(bodies.sqlalchemy, str(message.id), "killed")

    assert state(connection) == "in flight"
    assert "no dead letter could be written" in caplog.text
