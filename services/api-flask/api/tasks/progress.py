"""The state of a task: the outbox has the outcome, the result backend the progress until then.

A task's row outlives the loss of Redis, and a result in Redis outlives the row, which is deleted some time after the
task was completed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from celery import states
from pydantic import BaseModel, Field
from redis.exceptions import RedisError
from sqlalchemy import text

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session

    from api.tasks.shared import Kept, Results

#: A worker's states during a run. While the row is open, any other state in Redis is of an earlier run: for example, a
#: re-driven dead letter failed before.
UNDER_WAY = frozenset({states.STARTED, states.RETRY})

#: The error of a dead letter without a traceback: it was given up, or each run ended with its worker.
GIVEN_UP = "DeadLetter"


class Progress(BaseModel):
    """What callers see of a task."""

    id: str = Field(json_schema_extra={"format": "uuid"})
    state: str = Field(default=states.PENDING, description="PENDING, STARTED, RETRY, SUCCESS, FAILURE or REVOKED")
    ready: bool = Field(default=False, description="whether the state is final")
    result: Any = Field(default=None, description="what the task returned, once it succeeded, while that is kept")
    # The error's message may hold what callers should not read; it is logged.
    error: str | None = Field(
        default=None, exclude_if=lambda error: error is None, description="the kind of error, only after a failure"
    )


class Row(NamedTuple):
    """The outbox's row of a task."""

    done: bool
    dead: bool
    retries: int
    result: str | None
    error: str | None

    @classmethod
    def find(cls, session: Session, task_id: uuid.UUID) -> Row | None:
        """Return a task's row, or None if it has been deleted."""
        query = text(
            "SELECT completed_at IS NOT NULL, dead_at IS NOT NULL, retries, result, error"
            " FROM outbox.task WHERE id = :id"
        )
        found = session.execute(query, {"id": task_id}).one_or_none()
        return cls(*found) if found else None


def progress_of(task_id: str, row: Row | None, results: Results) -> Progress:
    """Return the state of an issued task.

    Args:
        task_id: the task's id.
        row: the outbox's row of it.
        results: the result backend, for states that the outbox does not have.

    Raises:
        redis.exceptions.RedisError: the row is gone, and the result backend does not answer.
    """
    if row is None:
        return _as_noted(task_id, results.of(task_id))
    if row.done:
        result = json.loads(row.result) if row.result is not None else None
        return Progress(id=task_id, state=states.SUCCESS, ready=True, result=result)
    if row.dead:
        return Progress(id=task_id, state=states.FAILURE, ready=True, error=kind_of(row.error or ""))
    waiting = states.RETRY if row.retries else states.PENDING
    try:
        noted = results.of(task_id).state
    except RedisError:
        noted = states.PENDING
    return Progress(id=task_id, state=noted if noted in UNDER_WAY else waiting)


def kind_of(error: str) -> str:
    """Return the kind of error at the end of a traceback."""
    lines = error.splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith('  File "')]
    told = [line for line in lines[frames[-1] :] if not line.startswith(" ")] if frames else []
    return told[0].partition(":")[0].rpartition(".")[2] if told else GIVEN_UP


def _as_noted(task_id: str, kept: Kept) -> Progress:
    """Return the state from the result backend, in one request, so that state and result match.

    Only completed tasks leave the outbox, so an unknown task is a completed one.
    """
    if kept.state not in states.READY_STATES:
        return Progress(id=task_id, state=states.SUCCESS, ready=True)
    return Progress(id=task_id, state=kept.state, ready=True, result=kept.result, error=kept.error)
