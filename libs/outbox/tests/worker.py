"""A worker in this process, by Celery's own tracer, and queries of the tasks' effects."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from celery.app.trace import build_tracer
from landfast_outbox import store

from tests.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection


@dataclass(frozen=True)
class Ended:
    """The outcome of a delivery.

    Args:
        state: Celery's state.
        result: the task's return value, or the exception that ended it.
    """

    state: str
    result: Any


def take(connection: Connection[Any], limit: int = 100, *, ordered: tuple[str, ...] = ()) -> list[store.Message]:
    """Take the due tasks, as a relay does."""
    return store.take(connection, limit, ordered)


def deliver(message: store.Message, *, deliveries: int = 0) -> Ended:
    """Run a message's task.

    Args:
        message: a message that a relay has published.
        deliveries: the number of earlier deliveries by the broker.
    """
    args, kwargs, _ = json.loads(message.body)
    task = app.tasks[message.headers["task"]]
    counted = {"x-delivery-count": deliveries} if deliveries else {}
    request = {
        **message.headers,
        **counted,
        "delivery_info": {"exchange": "", "routing_key": message.queue, "redelivered": bool(deliveries)},
        "hostname": "worker@test",
    }
    returned, info, *_ = build_tracer(task.name, task, app=cast("Any", app))(str(message.id), args, kwargs, request)
    return Ended(info.state, info.retval) if info else Ended("SUCCESS", returned)


@contextmanager
def falling_due_in(connection: Connection[Any], seconds: float) -> Iterator[None]:
    """Let the body's next run be due after a number of seconds, however long the body takes.

    Args:
        connection: to the database.
        seconds: seconds from a moment within the body.
    """
    began = time.monotonic()
    yield
    left = store.next_due(connection)
    assert left is not None, "nothing falls due"
    assert seconds - (time.monotonic() - began) <= left <= seconds


def work(connection: Connection[Any]) -> list[Ended]:
    """Take the due tasks, and run them."""
    return [deliver(message) for message in take(connection)]


def make_due(connection: Connection[Any]) -> None:
    """Make all pending tasks due."""
    connection.execute("UPDATE outbox.task SET due_at = now() WHERE published_at IS NULL")


def effects(connection: Connection[Any]) -> list[str]:
    """Return the tasks' effects."""
    return [what for (what,) in connection.execute("SELECT what FROM effect").fetchall()]


def state(connection: Connection[Any]) -> str:
    """Return the state of the only task."""
    row = connection.execute(
        """
        SELECT CASE WHEN completed_at IS NOT NULL THEN 'done' WHEN dead_at IS NOT NULL THEN 'dead'
            WHEN published_at IS NOT NULL THEN 'in flight' ELSE 'pending' END FROM outbox.task
        """
    ).fetchone()
    assert row
    return str(row[0])


def error(connection: Connection[Any]) -> str:
    """Return the error of the only task."""
    row = connection.execute("SELECT error FROM outbox.task").fetchone()
    assert row
    return str(row[0])
