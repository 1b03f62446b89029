"""A call of a Celery task as a row: a message of Celery's protocol, and the options that are refused."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from landfast_runtime.logs import request_id

from landfast_outbox import task as core
from landfast_outbox.task import NewTask, NotDurableError, as_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from celery import Task

#: Options that lead to messages outside any transaction: the worker would send them after the task, or never.
REFUSED = {
    "link": "a callback would be sent by the worker after the commit: call the next task in this one's own body",
    "link_error": "look at the dead letters instead, or catch the error in the task's own body",
    "chord": "the results of its parts are counted in Redis, which may be lost: count them in the database",
    "chain": "the next task would be sent after the commit: call it in this one's own body",
    "expires": "a task that was committed runs to its end: check the time in its own body",
    "exchange": "a durable task goes to a queue by name",
    "routing_key": "a durable task goes to a queue by name",
}

#: The message's embedded callbacks: a durable task has none.
NOTHING_FOLLOWS: dict[str, None] = dict.fromkeys(("callbacks", "errbacks", "chain", "chord"))

#: The protocol's maximum.
HIGHEST_PRIORITY = 255

#: Length of the arguments in Flower and in the admin, in characters.
REPR_LENGTH = 1024


def refuse(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that a durable task cannot promise.

    Args:
        name: the task's name.
        options: the options of the call to ``apply_async``.

    Raises:
        NotDurableError: one of them was given.
    """
    core.refuse(name, options, REFUSED)
    if options.get("serializer") not in {None, "json"}:
        raise NotDurableError(f"{name} is durable, and its arguments are JSON: serializer={options['serializer']!r}")


def row(
    task: Task[Any, Any],
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    identifier: str,
    options: Mapping[str, Any],
    *,
    ordered: bool,
) -> NewTask:
    """Return a call as a row.

    Args:
        task: the task.
        args: positional arguments.
        kwargs: keyword arguments.
        identifier: a UUID.
        options: options of ``apply_async``.
        ordered: whether the ordered tasks of its queue are delivered in the order in which they were written.

    Raises:
        NotDurableError: the priority is invalid.
        PayloadError: the arguments are no plain JSON, or too large.
    """
    identifier = str(uuid.UUID(identifier))
    args, kwargs = tuple(args or ()), dict(kwargs or {})
    message = task.app.amqp.as_task_v2(
        identifier,
        task.name,
        args,
        kwargs,
        argsrepr="",
        kwargsrepr="",
        group_id=options.get("group_id"),
        group_index=options.get("group_index"),
        root_id=options.get("root_id"),
        parent_id=options.get("parent_id"),
        shadow=options.get("shadow"),
        retries=options.get("retries", 0),
        time_limit=options.get("time_limit", task.time_limit),
        soft_time_limit=options.get("soft_time_limit", task.soft_time_limit),
        ignore_result=options.get("ignore_result", task.ignore_result),
    )
    # A retry has the headers of its delivery; the broker's counters start anew.
    own = {key: value for key, value in (options.get("headers") or {}).items() if not key.startswith("x-")}
    headers = {**own, **message.headers, **shown(args, kwargs), "durable": True}
    if current := request_id.get():
        headers["request_id"] = current
    properties = {"correlation_id": identifier}
    priority = options.get("priority", task.priority)
    if priority is not None:
        if priority not in range(HIGHEST_PRIORITY + 1):
            raise NotDurableError(f"the priority of {task.name} must be from 0 to {HIGHEST_PRIORITY}: {priority!r}")
        properties["priority"] = priority
    countdown = options.get("countdown")
    return NewTask(
        id=uuid.UUID(identifier),
        name=task.name,
        queue=queue_name(task, options),
        body=as_json(task.name, message.body),
        headers=headers,
        properties=properties,
        wait=timedelta(seconds=countdown) if countdown else None,
        due_at=due(options.get("eta")),
        ordered=ordered,
    )


def shown(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, str]:
    """Return a task's arguments as Flower and the admin show them."""
    return {"argsrepr": repr(tuple(args))[:REPR_LENGTH], "kwargsrepr": repr(dict(kwargs))[:REPR_LENGTH]}


def queue_name(task: Task[Any, Any], options: Mapping[str, Any]) -> str:
    """Return a task's queue: the caller's choice, the task's own, the routes', or the default, in this order."""
    chosen = options.get("queue") or getattr(task, "queue", None)
    if not chosen:
        chosen = task.app.amqp.router.route({}, task.name).get("queue") or task.app.conf.task_default_queue
    return str(getattr(chosen, "name", chosen))


def due(eta: datetime | str | None) -> datetime | None:
    """Return the due time of a task with a time zone, UTC unless it has one; None means at once."""
    if isinstance(eta, str):
        eta = datetime.fromisoformat(eta)
    return eta.replace(tzinfo=UTC) if eta is not None and eta.tzinfo is None else eta
