"""What a worker does with a message, in this process: Celery's own tracer runs the task."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from celery.app.trace import build_tracer
from landfast_outbox import store

from tests.app import app

if TYPE_CHECKING:
    from psycopg import Connection


@dataclass(frozen=True)
class Ended:
    """How a delivery ended.

    Args:
        state: as Celery has it.
        result: what the task returned, or the exception that ended it.
    """

    state: str
    result: Any


def take(connection: Connection[Any], limit: int = 100, *, ordered: tuple[str, ...] = ()) -> list[store.Message]:
    """Take what is due, as a relay does."""
    return store.take(connection, limit, ordered)


def deliver(message: store.Message, *, deliveries: int = 0) -> Ended:
    """Run a message's task.

    Args:
        message: what a relay has published.
        deliveries: how often the broker has delivered it before.
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


def work(connection: Connection[Any]) -> list[Ended]:
    """Take what is due, and run it."""
    return [deliver(message) for message in take(connection)]
