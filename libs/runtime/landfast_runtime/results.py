"""The result backend: Celery's own for Redis, without what ties a caller to Redis before anyone asks for a result."""

from __future__ import annotations

from typing import Any

from celery import states
from celery.backends.redis import RedisBackend


class ResultBackend(RedisBackend):
    """Keeps results in Redis, and lets a task be sent while Redis is away.

    Celery subscribes to a result's channel as soon as its task is sent. A service that answers 202 and reads the result
    in another request, in another process, would fail to send while Redis is down, and would gather subscriptions that
    nobody ever ends. ``result.get()`` subscribes by itself.
    """

    def on_task_call(self, producer: Any, task_id: str) -> None:  # noqa: ANN401 - Celery's signature
        """Do nothing when a task is sent."""

    def _store_result(
        self,
        task_id: str,
        result: Any,  # noqa: ANN401
        state: str,
        traceback: Any = None,  # noqa: ANN401
        request: Any = None,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Store a success without looking first at what is there: nothing could be more final."""
        if state != states.SUCCESS:
            return super()._store_result(task_id, result, state, traceback, request, **options)  # type: ignore[misc]
        meta = self._get_result_meta(  # type: ignore[attr-defined]  # types name few of Celery's inner methods
            result=result, state=state, traceback=traceback, request=request
        )
        meta["task_id"] = task_id
        key = self.get_key_for_task(task_id)
        self._set_with_state(key, self.encode(meta), state)  # type: ignore[attr-defined]
        return result

    def _set(self, key: str, value: str | bytes, expires: int | None = None) -> None:
        """Store a result and tell who waits for it, in one round trip; who reads in between finds it all the same."""
        with self.client.pipeline(transaction=False) as pipe:
            pipe.set(key, value, ex=expires or self.expires)  # type: ignore[attr-defined]  # see above
            pipe.publish(key, value)
            pipe.execute()
