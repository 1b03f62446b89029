"""Dramatiq's adapter for callers: a row in the caller's transaction, in the format of Dramatiq's own messages.

Callers need an actor's name, but not Dramatiq itself; its workers use :mod:`landfast_outbox.actors`.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from landfast_runtime.logs import request_id

from landfast_outbox.task import NewTask, as_json, refuse
from landfast_outbox.writing import write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

ENGINE = "dramatiq"

#: Options that lead to messages outside any transaction.
REFUSED = {
    "pipe_target": "the next task would be sent after the commit: send it in this one's own body",
    "on_success": "a callback would be sent after the commit: send it in this one's own body",
    "on_failure": "look at the dead letters instead, or catch the error in the task's own body",
    "on_retry_exhausted": "look at the dead letters instead",
    "group_completion_uuid": "the parts of a group are counted in Redis, which may be lost: count them in the database",
    "max_age": "a task that was committed runs to its end: check the time in its own body",
}


def send(
    actor: str,
    queue: str,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    task_id: str | None = None,
    wait: timedelta | None = None,
    **options: Any,  # noqa: ANN401 - options of the worker's middleware
) -> str:
    """Write a task for an actor into the open transaction, and return its id.

    Args:
        actor: the actor's name.
        queue: its queue.
        args: positional arguments.
        kwargs: keyword arguments.
        task_id: a UUID; a new one by default.
        wait: time until the task is due.
        **options: Dramatiq's message options, such as ``time_limit``.

    Raises:
        NotDurableError: an option was given that a durable task cannot promise.
        PayloadError: the arguments are no plain JSON, or too large.
    """
    task = new(actor, queue, args, kwargs, task_id, wait, **options)
    write([task])
    return str(task.id)


def new(
    actor: str,
    queue: str,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    task_id: str | None = None,
    wait: timedelta | None = None,
    **options: Any,  # noqa: ANN401
) -> NewTask:
    """Return a task as a row; nothing is written. Arguments and errors are those of :func:`send`."""
    refuse(actor, options, REFUSED)
    if current := request_id.get():
        options.setdefault("request_id", current)
    identifier = uuid.UUID(task_id) if task_id else uuid.uuid4()
    message = {
        "queue_name": queue,
        "actor_name": actor,
        "args": list(args),
        "kwargs": dict(kwargs or {}),
        "options": options,
        "message_id": str(identifier),
        "message_timestamp": int(time.time() * 1000),
    }
    return NewTask(id=identifier, name=actor, queue=queue, body=as_json(actor, message), engine=ENGINE, wait=wait)
