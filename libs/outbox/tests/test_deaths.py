"""Processes that die with their task: the task runs again, and is a dead letter in the end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals
from celery.app.task import Context
from landfast_outbox import endings, store
from landfast_outbox.celery import bury_from_outside, database_of
from landfast_outbox.databases import connect

from tests import bodies
from tests.app import plain
from tests.worker import deliver, error, state, take

if TYPE_CHECKING:
    from collections.abc import Callable

    from landfast_runtime.connections import Postgres
    from psycopg import Connection

    from tests.bodies import Kind

pytestmark = pytest.mark.usefixtures("worker_databases")


class WorkerGone(BaseException):
    """The worker dies here."""


def refuse() -> NoReturn:
    raise psycopg.OperationalError("connection refused")


def test_a_task_that_kills_its_worker_each_time_ends_as_a_dead_letter(kind: Kind, connection: Connection[Any]) -> None:
    task, _leave = kind
    runs: list[int] = []

    def body(_task: object) -> NoReturn:
        runs.append(1)
        raise WorkerGone

    bodies.choose(body)
    result = task.delay()
    [message] = take(connection)
    for deliveries in range(endings.DEATHS):
        with pytest.raises(WorkerGone):
            deliver(message, deliveries=deliveries)
    assert state(connection) == "in flight"

    ended = deliver(message, deliveries=endings.DEATHS)
    assert (ended.state, type(ended.result)) == ("FAILURE", WorkerLostError)
    assert (len(runs), state(connection)) == (endings.DEATHS, "dead")
    assert f"died {endings.DEATHS} times" in error(connection)
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
