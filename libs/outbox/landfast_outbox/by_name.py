"""Celery's adapter for callers that know a task's name and queue alone: it is another application's.

A row in the caller's transaction, as any other: the caller imports nothing of the other application.
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
    **options: Any,  # noqa: ANN401 - as Celery has them
) -> str:
    """Write a task into the transaction that is open here, and return its id.

    Nobody checks the arguments here: a worker that cannot take them makes a dead letter of the task.

    Args:
        name: the task's, as its workers know it.
        args: by position.
        kwargs: by name.
        queue: what its workers consume.
        task_id: a UUID; a new one without.
        **options: ``countdown``, ``eta``, ``priority``, ``time_limit`` and the like, as ``apply_async`` takes them.

    Raises:
        NotDurableError: an option was given that a durable task cannot promise.
        PayloadError: the arguments are no plain JSON, or too large.
    """
    task = _named(name).new(args, kwargs, task_id, queue=queue, **options)
    write([task])
    return str(task.id)


@cache
def _named(name: str) -> DurableTask:
    """Return what stands for a task whose code is elsewhere."""
    made: DurableTask = type("TaskElsewhere", (DurableTask,), {"name": name})()
    made.bind(Celery(set_as_current=False))
    return made
