"""A task that a worker cannot run is put off or a dead letter; it is not redelivered for ever."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from celery import signals
from landfast_outbox import store
from landfast_outbox.celery import database_of
from landfast_outbox.databases import connect
from landfast_outbox.store import setbacks
from psycopg import OperationalError

from tests import bodies
from tests.app import add
from tests.worker import deliver, error, falling_due_in, make_due, state, take, work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from landfast_runtime.connections import Postgres
    from psycopg import Connection

pytestmark = pytest.mark.usefixtures("worker_databases")


def refuse(message: store.Message, name: str = "shop.gone") -> None:
    """Send Celery's signal of a task that is unknown to the worker."""
    received = SimpleNamespace(properties={"message_id": str(message.id)})
    signals.task_unknown.send(sender=None, message=received, exc=KeyError(name), name=name, id=str(message.id))


@pytest.fixture
def message(connection: Connection[Any]) -> store.Message:
    """A task that was published."""
    add.delay(4, 4)
    [taken] = take(connection)
    return taken


def test_a_task_that_this_worker_does_not_know_yet_runs_once_another_does(
    connection: Connection[Any], message: store.Message
) -> None:
    with falling_due_in(connection, 10):
        refuse(message)

    assert state(connection) == "pending"
    assert "no worker knows the task 'shop.gone'" in error(connection)
    make_due(connection)
    assert [ended.result for ended in work(connection)] == [8]
    assert state(connection) == "done"


def test_a_task_that_no_worker_ever_knows_is_a_dead_letter_after_more_than_an_hour(
    connection: Connection[Any], message: store.Message
) -> None:
    waited = 0.0
    for _ in range(setbacks.UNKNOWN.times):
        refuse(message)
        waited += store.next_due(connection) or 0
        make_due(connection)
        [message] = take(connection)

    assert waited > 3600, "a release may take as long to roll out"
    assert state(connection) == "in flight"
    refuse(message)
    assert state(connection) == "dead"
    assert "include=" in error(connection)


def test_a_duplicate_of_an_unknown_task_counts_once(connection: Connection[Any], message: store.Message) -> None:
    for _ in range(5):
        refuse(message)

    assert connection.execute("SELECT times FROM outbox.setback").fetchall() == [(1,)]


@pytest.mark.parametrize("kind", ["short", "long"])
def test_an_unknown_task_that_another_worker_runs_is_left_alone(
    connection: Connection[Any], postgres: Postgres, message: store.Message, kind: str
) -> None:
    with connect(postgres, "its-run") as run, run.transaction():
        if kind == "long":
            store.hold(run, message.id)
        else:
            store.claim(run, message.id)
        refuse(message)
        assert state(connection) == "in flight"


@pytest.mark.parametrize("reason", [None, ValueError("no id")])
def test_a_message_that_celery_cannot_read_is_a_dead_letter(
    connection: Connection[Any], message: store.Message, reason: Exception | None
) -> None:
    received = SimpleNamespace(properties={"message_id": str(message.id)})
    signals.task_rejected.send(sender=None, message=received, exc=reason)

    assert state(connection) == "dead"
    assert ("no id" if reason else "another framework") in error(connection)


@pytest.mark.parametrize("properties", [{}, {"message_id": "no-uuid"}, {"message_id": str(uuid.uuid4())}])
def test_messages_from_elsewhere_are_nobody_s_dead_letters(
    connection: Connection[Any], message: store.Message, properties: dict[str, str]
) -> None:
    received = SimpleNamespace(properties=properties)
    signals.task_unknown.send(sender=None, message=received, exc=KeyError("x"), name="x", id="x")
    signals.task_rejected.send(sender=None, message=received, exc=None)

    assert state(connection) == "in flight"
    assert deliver(message).state == "SUCCESS"


def test_an_unknown_task_waits_for_the_relay_while_the_database_is_away(
    connection: Connection[Any],
    message: store.Message,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def away() -> Iterator[Any]:
        raise OperationalError("connection refused")

    monkeypatch.setattr(database_of(bodies.sqlalchemy), "connect", away)
    refuse(message)

    assert state(connection) == "in flight"
    assert "could not be put off" in caplog.text
