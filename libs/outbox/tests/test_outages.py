"""A database that goes away under a task: another run, and no second effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from landfast_outbox import consumer, store
from landfast_outbox.celery import database_of
from landfast_outbox.databases import SQLAlchemyDatabase
from sqlalchemy import create_engine

from tests import bodies
from tests.worker import deliver, effects, error, state, take, work

if TYPE_CHECKING:
    from psycopg import Connection

    from tests.bodies import Kind

pytestmark = pytest.mark.usefixtures("worker_databases")


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
    assert result.get(timeout=60) == len(runs)


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
