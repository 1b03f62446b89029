"""The result backend: Celery's own for Redis, without what ties a caller to Redis before anyone asks for a result."""

from __future__ import annotations

from typing import Any

from celery.backends.redis import RedisBackend


class ResultBackend(RedisBackend):
    """Keeps results in Redis, and lets a task be sent while Redis is away.

    Celery subscribes to a result's channel as soon as its task is sent. A service that answers 202 and reads the result
    in another request, in another process, would fail to send while Redis is down, and would gather subscriptions that
    nobody ever ends. ``result.get()`` subscribes by itself.
    """

    def on_task_call(self, producer: Any, task_id: str) -> None:  # noqa: ANN401 - Celery's signature
        """Do nothing when a task is sent."""
