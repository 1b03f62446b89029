"""How a task is doing, as the result backend knows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from celery import states
from tasks.celery_app import app as celery


@dataclass(frozen=True)
class Progress:
    """What callers see of a task.

    Args:
        id: the task's id.
        state: Celery's name for it, such as PENDING, STARTED, SUCCESS or FAILURE.
        ready: whether the state is final.
        result: what the task returned, once it succeeded.
        error: the kind of error, once it failed; its message may hold what callers should not read, and is logged.
    """

    id: str
    state: str = states.PENDING
    ready: bool = False
    result: Any = None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document; ``error`` is there only after a failure."""
        document = asdict(self)
        if self.error is None:
            del document["error"]
        return document


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
