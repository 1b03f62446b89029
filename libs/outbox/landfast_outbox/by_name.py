"""Celery's adapter for callers that know only a task's name and queue, because the task is another application's.

The task is a row in the caller's transaction like any other, and the caller imports nothing of the other application.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from celery import Celery

from landfast_outbox.celery import DurableTask
from landfast_outbox.writing import write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def send(
    name: str,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    queue: str,
    task_id: str | None = None,
    **options: Any,  # noqa: ANN401 - Celery's own arguments
) -> str:
    """Write a task into the open transaction, and return its id.

    The arguments are not checked here: if a worker cannot take them, the task becomes a dead letter.

    Args:
        name: the task's name in its workers.
        args: positional arguments.
        kwargs: keyword arguments.
        queue: the queue that its workers consume.
        task_id: a UUID; a new one by default.
        **options: options of ``apply_async``, such as ``countdown``, ``eta``, ``priority`` and ``time_limit``.

    Raises:
        NotDurableError: an option was given that a durable task cannot promise.
        PayloadError: the arguments are no plain JSON, or too large.
    """
    task = _named(name).new(args, kwargs, task_id, queue=queue, **options)
    write([task])
    return str(task.id)


@cache
def _named(name: str) -> DurableTask:
    """Return a placeholder for a task whose code is elsewhere."""
    made: DurableTask = type("TaskElsewhere", (DurableTask,), {"name": name})()
    made.bind(Celery(set_as_current=False))
    return made
