"""A database that goes away during a task: the task runs again, and there is no second effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from landfast_outbox import databases, endings, store
from landfast_outbox.celery import database_of
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase
from landfast_testing.waiting import DEADLINE
from psycopg import OperationalError
from sqlalchemy import create_engine

from tests import bodies
from tests.worker import deliver, effects, error, falling_due_in, make_due, state, take, work

if TYPE_CHECKING:
    from psycopg import Connection

    from tests.bodies import Kind

pytestmark = pytest.mark.usefixtures("worker_databases")


def terminate(connection: Connection[Any], *names: str) -> None:
    """Terminate all connections but the tests' own."""
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

    assert [ended.state for ended in work(connection)] == ["RETRY"]
    assert state(connection) == "pending"
    make_due(connection)
    assert [ended.state for ended in work(connection)] == ["SUCCESS"]
    assert (effects(connection), state(connection)) == (["one"], "done")
    assert result.get(timeout=DEADLINE) == len(runs) == 2


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

    ended = [ended.state for ended in work(connection)]
    if when == "before":
        assert ended == ["RETRY"]
        make_due(connection)
        ended = [ended.state for ended in work(connection)]
    assert ended == ["SUCCESS"]
    assert (len(calls), effects(connection), state(connection)) == (runs, ["one"], "done")


#: Seconds between two runs that the database fails.
WAITS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 300)


def test_a_body_that_the_database_fails_runs_some_times_ever_later_and_is_a_dead_letter_then(
    connection: Connection[Any],
) -> None:
    runs: list[int] = []

    def body(_task: object) -> None:
        from django.db import OperationalError  # noqa: PLC0415 - the settings must be there first

        runs.append(1)
        raise OperationalError("canceling statement due to statement timeout")

    bodies.choose(body)
    bodies.django.delay()
    for number, wait in enumerate(WAITS, start=1):
        with falling_due_in(connection, wait):
            assert [ended.state for ended in work(connection)] == ["RETRY"]
        assert len(runs) == number, "its process is free at once"
        make_due(connection)

    assert [ended.state for ended in work(connection)] == ["FAILURE"]
    assert (len(runs), state(connection)) == (len(WAITS) + 1, "dead")
    assert "statement timeout" in error(connection)
    assert work(connection) == []


def test_setbacks_count_anew_after_a_run_that_came_to_its_end_and_for_a_dead_letter_s_next_life(
    connection: Connection[Any],
) -> None:
    def fail(_task: object) -> None:
        raise OperationalError("deadlock detected")

    def times() -> list[int]:
        return [row[0] for row in connection.execute("SELECT times FROM outbox.setback")]

    bodies.choose(fail)
    bodies.sqlalchemy.delay()
    work(connection)
    assert times() == [1]
    bodies.choose(lambda task: task.retry(countdown=0))
    make_due(connection)
    assert [ended.state for ended in work(connection)] == ["RETRY"]
    assert times() == []
    bodies.choose(fail)
    work(connection)
    make_due(connection)
    [message] = take(connection)
    store.bury(connection, message.id, "given up")
    assert times() == [1]
    store.redrive(connection, [message.id])
    assert times() == []


def test_what_a_long_task_has_done_is_not_done_again_because_the_database_is_away_in_the_end(
    connection: Connection[Any],
) -> None:
    runs: list[int] = []

    def body(_task: object) -> int:
        runs.append(1)
        terminate(connection)
        return 7

    bodies.choose(body)
    result = bodies.long.delay()

    assert [ended.state for ended in work(connection)] == ["SUCCESS"]
    assert (len(runs), state(connection), result.get(timeout=DEADLINE)) == (1, "done", 7)


def test_a_task_is_left_to_the_relay_while_the_database_stays_away(
    connection: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    monkeypatch.setattr(endings, "PATIENCE", 0.05)
    bodies.choose(lambda _task: bodies.in_sqlalchemy("one"))
    bodies.sqlalchemy.delay()
    [message] = take(connection)
    there = database_of(bodies.sqlalchemy)
    databases.use(SQLAlchemyDatabase(lambda: nowhere, there._postgres))  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        assert deliver(message, deliveries=1).state == "IGNORED"
    finally:
        databases.use(there)

    assert state(connection) == "in flight"
    assert deliver(message).state == "SUCCESS"
