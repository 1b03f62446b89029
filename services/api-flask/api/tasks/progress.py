"""How a task is doing, as the result backend knows it."""

from __future__ import annotations

from typing import Any

from celery import states
from pydantic import BaseModel, Field
from tasks.celery_app import app as celery


class Progress(BaseModel):
    """What callers see of a task."""

    id: str = Field(json_schema_extra={"format": "uuid"})
    state: str = Field(default=states.PENDING, description="PENDING, STARTED, RETRY, SUCCESS, FAILURE or REVOKED")
    ready: bool = Field(default=False, description="whether the state is final")
    result: Any = Field(default=None, description="what the task returned, once it succeeded")
    # The error's message may hold what callers should not read; it is logged.
    error: str | None = Field(
        default=None, exclude_if=lambda error: error is None, description="the kind of error, only after a failure"
    )


def progress_of(task_id: str) -> Progress:
    """Ask the result backend once, so that state and result belong together.

    Raises:
        redis.exceptions.RedisError: the backend does not answer.
    """
    meta = celery.backend.get_task_meta(task_id)
    state, value = meta["status"], meta["result"]
    return Progress(
        id=task_id,
        state=state,
        ready=state in states.READY_STATES,
        result=value if state == states.SUCCESS else None,
        error=type(value).__name__ if state in states.PROPAGATE_STATES else None,
    )
