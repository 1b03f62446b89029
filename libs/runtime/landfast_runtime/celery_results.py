"""The result backend: Celery's own for Redis, without the caller's dependency on Redis before it reads a result."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from celery import states
from celery.backends.redis import RedisBackend

if TYPE_CHECKING:
    from redis.commands.core import Script

#: Stores a result, for some seconds or (0) for good, and notifies waiting callers.
STORE_AND_TELL = """
if ARGV[2] == '0' then
    redis.call('SET', KEYS[1], ARGV[1])
else
    redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
return redis.call('PUBLISH', KEYS[1], ARGV[1])
"""


class ResultBackend(RedisBackend):
    """Keeps results in Redis, but sends tasks while Redis is away.

    Celery subscribes to a result's channel when it sends the task. A service that answers 202 and reads the result in
    another request, in another process, could not send while Redis is down, and would collect subscriptions that are
    never ended. ``result.get()`` subscribes by itself.
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
        """Store a success without reading the present state first: no state is more final."""
        if state != states.SUCCESS:
            return super()._store_result(task_id, result, state, traceback, request, **options)  # type: ignore[misc]
        meta = self._get_result_meta(  # type: ignore[attr-defined]  # an inner method without types
            result=result, state=state, traceback=traceback, request=request
        )
        meta["task_id"] = task_id
        key, value = self.get_key_for_task(task_id), self.encode(meta)
        try:
            self._set(key, value)
        except self.connection_errors:  # type: ignore[attr-defined]
            self._set_with_state(key, value, state)  # type: ignore[attr-defined]  # retries through an outage
        return result

    def _set(self, key: str, value: str | bytes, expires: int | None = None) -> None:
        """Store a result and notify waiting callers, in one command."""
        seconds = expires or self.expires or 0  # type: ignore[attr-defined]  # see above
        self._store_and_tell(keys=[key], args=[value, seconds], client=self.client)

    @cached_property
    def _store_and_tell(self) -> Script:
        script: Script = self.client.register_script(STORE_AND_TELL)
        return script
