"""The caller's view of the shared application's tasks: their names, their queues, and the stored results.

https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery import states
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from landfast_runtime.connections import Redis as RedisSettings

#: The task, and the queues of that application's workers of Celery and Dramatiq.
ADD = "tasks.arithmetic.add"
QUEUE, DRAMATIQ_QUEUE = "tasks", "tasks-dramatiq"

#: Seconds to wait for Redis.
TIMEOUT = 2.0


@dataclass(frozen=True)
class Kept:
    """A task's result in Redis.

    Args:
        state: Celery's state.
        result: the return value.
        error: the kind of its error, after a failure.
    """

    state: str = states.PENDING
    result: Any = None
    error: str | None = None


class Results:
    """Reads the results of the shared application's workers; this service has no right to write them.

    Args:
        settings: the server, and this service's user on it.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._redis = Redis.from_url(
            settings.url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 1)
        )

    def of(self, task_id: str) -> Kept:
        """Return the stored result of a task.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        return read(self._redis.get(f"celery-task-meta-{task_id}"))


def read(stored: Any) -> Kept:  # noqa: ANN401 - bytes or None; the client's type is wider
    """Return the value that a worker stored."""
    if stored is None:
        return Kept()
    meta = json.loads(stored)
    state, result = meta["status"], meta["result"]
    if state in states.PROPAGATE_STATES:
        return Kept(state, error=result["exc_type"])
    return Kept(state, result if state == states.SUCCESS else None)
