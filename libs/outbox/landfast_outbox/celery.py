"""Celery's side: ``delay`` and ``apply_async`` write a row, and a worker completes it with its effect.

What a durable task cannot promise is refused when it is called, never silently made less durable.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from celery import signals
from celery.app.task import Task
from celery.exceptions import TimeLimitExceeded
from kombu.asynchronous import get_event_loop
from landfast_runtime.logs import request_id

from landfast_outbox import consumer, endings, unfit
from landfast_outbox.task import NewTask, NotDurableError, as_json
from landfast_outbox.writing import write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from celery import Celery
    from celery.result import AsyncResult

    from landfast_outbox.databases import Database

#: What leads to messages that no transaction holds: the worker would send them after the task, or never.
REFUSED = {
    "link": "a callback would be sent by the worker after the commit: call the next task in this one's own body",
    "link_error": "look at the dead letters instead, or catch the error in the task's own body",
    "chord": "the results of its parts are counted in Redis, which may be lost: count them in the database",
    "chain": "the next task would be sent after the commit: call it in this one's own body",
    "expires": "a task that was committed runs to its end: look at the clock in its own body",
    "exchange": "a durable task goes to a queue by name",
    "routing_key": "a durable task goes to a queue by name",
}


#: What a message says of callbacks: a durable task has none.
NOTHING_FOLLOWS: dict[str, None] = dict.fromkeys(("callbacks", "errbacks", "chain", "chord"))

#: The most that the protocol has room for.
HIGHEST_PRIORITY = 255

#: Characters of the arguments that Flower and the admin show.
REPR_LENGTH = 1024


class DurableTask(Task[Any, Any]):
    """A task that runs to its end once its caller's transaction has committed.

    ``delay`` and ``apply_async`` write it to the outbox inside the caller's transaction. The whole body runs in one
    transaction together with the record that it is done; with ``long = True`` the body makes its own transactions,
    and opens the last one by :func:`landfast_outbox.consumer.effect`.
    """

    abstract = True

    #: Set on the probes that watch a worker: they are neither logged nor counted as work.
    internal = False

    #: Whether the body runs for longer than a transaction should stay open.
    long = False

    #: Whether the result backend is told that it started: most tasks are over before anybody could ask.
    track_started = False

    #: Whether it is delivered in the order of writing among the ordered tasks of its queue.
    ordered = False

    #: Where its effects are: a name that the worker gave to :func:`landfast_outbox.consumer.use`.
    database = "default"

    def apply_async(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        producer: Any = None,  # noqa: ANN401
        link: Any = None,  # noqa: ANN401
        link_error: Any = None,  # noqa: ANN401
        shadow: str | None = None,
        **options: Any,  # noqa: ANN401 - Celery's own signature
    ) -> AsyncResult[Any]:
        """Write the task and return its result's handle; it is published once the transaction has committed.

        Args:
            args: as in Celery, and so are the others.
            kwargs: by name.
            task_id: a UUID; a new one without.
            producer: not used: the relay publishes.
            link: refused.
            link_error: refused.
            shadow: another name in logs and in Flower.
            **options: ``countdown``, ``eta``, ``queue``, ``priority``, ``time_limit`` and the like.

        Raises:
            NotDurableError: an option was given that a durable task cannot promise.
            PayloadError: the arguments are no plain JSON, or too large.
        """
        if self.app.conf.task_always_eager:
            return super().apply_async(
                tuple(args or ()), dict(kwargs or {}), task_id, producer, link, link_error, shadow, **options
            )
        if task_id and consumer.retries_itself(task_id):
            task = self._message(args, kwargs, task_id, {**options, "shadow": shadow})
            consumer.keep_retry(task)
        else:
            task = self.new(args, kwargs, task_id, link=link, link_error=link_error, shadow=shadow, **options)
            write([task])
        result: AsyncResult[Any] = self.AsyncResult(str(task.id))
        return result

    def new(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        **options: Any,  # noqa: ANN401
    ) -> NewTask:
        """Return the task as a row, and write nothing.

        Args:
            args: by position.
            kwargs: by name.
            task_id: a UUID; a new one without.
            **options: as :meth:`apply_async` takes them.

        Raises:
            NotDurableError: an option was given that a durable task cannot promise.
            PayloadError: the arguments are no plain JSON, or too large.
            TypeError: the body does not take such arguments.
        """
        refuse(self.name, {"expires": self.expires, **options})
        self._check_arguments(args, kwargs)
        return self._message(args, kwargs, task_id or str(uuid.uuid4()), options)

    def new_many(self, calls: Iterable[tuple[Sequence[Any], Mapping[str, Any]]]) -> Iterator[NewTask]:
        """Return many calls as rows, several times faster than :meth:`new`: what they share is made once.

        Args:
            calls: the arguments of each call, by position and by name.

        Raises:
            PayloadError: some arguments are no plain JSON, or too large.
            TypeError: the body does not take such arguments.
        """
        template = None
        for args, kwargs in calls:
            if template is None:
                template = self.new(args, kwargs)
                yield template
                continue
            self._check_arguments(args, kwargs)
            identifier = uuid.uuid4()
            own = {"id": str(identifier), "root_id": str(identifier), **shown(args, kwargs)}
            yield replace(
                template,
                id=identifier,
                headers={**template.headers, **own},
                properties={**template.properties, "correlation_id": str(identifier)},
                body=as_json(self.name, (args, kwargs, NOTHING_FOLLOWS)),
            )

    def replace(self, sig: object) -> NoReturn:
        """Refuse to become another task: its message would be sent after the commit.

        Args:
            sig: what would run instead.

        Raises:
            NotDurableError: always.
        """
        raise NotDurableError(f"{self.name} is durable and cannot be replaced: call {sig} in its own body")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the task takes and returns
        """Run the body; in a worker, together with the record that it is done."""
        request = self.request
        if request.called_directly or request.is_eager or not request.get("durable"):
            return super().__call__(*args, **kwargs)
        return consumer.run(self._delivery(), partial(self.run, *args, **kwargs))

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: ANN401
        """Make a dead letter of a task that was killed at its time limit; others saw to that themselves.

        Args:
            exc: what ended it.
            task_id: the task's.
            args: its arguments.
            kwargs: its arguments.
            einfo: the traceback.
        """
        if isinstance(exc, TimeLimitExceeded):
            bury_from_outside(self, task_id, f"it was killed at its time limit: {exc}")
        super().on_failure(exc, task_id, args, kwargs, einfo)

    def _delivery(self) -> consumer.Delivery:
        request = self.request
        comes_again = bool(request.get("x-delivery-count") or (request.delivery_info or {}).get("redelivered"))
        return consumer.Delivery(
            uuid.UUID(request.id), self.name, self.database, self.long, not request.ignore_result, comes_again
        )

    def _message(
        self,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
        identifier: str,
        options: Mapping[str, Any],
    ) -> NewTask:
        app = self.app
        identifier = str(uuid.UUID(identifier))
        args, kwargs = tuple(args or ()), dict(kwargs or {})
        message = app.amqp.as_task_v2(
            identifier,
            self.name,
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
            time_limit=options.get("time_limit", self.time_limit),
            soft_time_limit=options.get("soft_time_limit", self.soft_time_limit),
            ignore_result=options.get("ignore_result", self.ignore_result),
        )
        # A retry's are those of its delivery; what the broker counted there starts anew.
        own = {key: value for key, value in (options.get("headers") or {}).items() if not key.startswith("x-")}
        headers = {**own, **message.headers, **shown(args, kwargs), "durable": True}
        if current := request_id.get():
            headers["request_id"] = current
        properties = {"correlation_id": identifier}
        priority = options.get("priority", self.priority)
        if priority is not None:
            if priority not in range(HIGHEST_PRIORITY + 1):
                raise NotDurableError(f"the priority of {self.name} must be from 0 to {HIGHEST_PRIORITY}: {priority!r}")
            properties["priority"] = priority
        countdown = options.get("countdown")
        return NewTask(
            id=uuid.UUID(identifier),
            name=self.name,
            queue=queue_name(app, self, options),
            body=as_json(self.name, message.body),
            headers=headers,
            properties=properties,
            wait=timedelta(seconds=countdown) if countdown else None,
            due_at=due(options.get("eta")),
            ordered=self.ordered,
        )

    def _check_arguments(self, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> None:
        """Refuse arguments that the body does not take, as Celery itself does.

        Raises:
            TypeError: the body would not take them.
        """
        check = getattr(self, "__header__", None) if self.typing else None
        if check is not None:
            check(*(args or ()), **(kwargs or {}))


def shown(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, str]:
    """Return what Flower and the admin show of a task's arguments."""
    return {"argsrepr": repr(tuple(args))[:REPR_LENGTH], "kwargsrepr": repr(dict(kwargs))[:REPR_LENGTH]}


def refuse(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that a durable task cannot promise.

    Args:
        name: the task's.
        options: as ``apply_async`` got them.

    Raises:
        NotDurableError: one of them was given.
    """
    for option, reason in REFUSED.items():
        if options.get(option):
            raise NotDurableError(f"{name} is durable and takes no {option!r}: {reason}")
    if options.get("serializer") not in {None, "json"}:
        raise NotDurableError(f"{name} is durable, and its arguments are JSON: serializer={options['serializer']!r}")


def queue_name(app: Celery[Any], task: Task[Any, Any], options: Mapping[str, Any]) -> str:
    """Return the queue that a task goes to: the caller's choice, the task's own, the routes', the default."""
    chosen = options.get("queue") or getattr(task, "queue", None)
    if not chosen:
        chosen = app.amqp.router.route({}, task.name).get("queue") or app.conf.task_default_queue
    return str(getattr(chosen, "name", chosen))


def due(eta: datetime | str | None) -> datetime | None:
    """Return when a task is due, with a time zone: UTC unless it has one. None is for at once."""
    if isinstance(eta, str):
        eta = datetime.fromisoformat(eta)
    return eta.replace(tzinfo=UTC) if eta is not None and eta.tzinfo is None else eta


def enqueue_many(task: DurableTask, calls: Iterable[tuple[Sequence[Any], Mapping[str, Any]]]) -> list[str]:
    """Write many calls of one task at once, in the transaction that is open here, and return their ids.

    Args:
        task: the task.
        calls: the arguments of each call, by position and by name.

    Raises:
        PayloadError: some arguments are no plain JSON, or too large; nothing was written.
        TypeError: the body does not take such arguments; nothing was written.
    """
    tasks = list(task.new_many(calls))
    write(tasks)
    return [str(each.id) for each in tasks]


def bury_from_outside(task: DurableTask, identifier: str, error: str, wait: float = endings.FIRST_WAIT) -> None:
    """Make a task a dead letter whose process is being killed: Celery tells of that before it does so.

    Until the process has let go of the row, the worker's loop tries again and does its other work meanwhile. Should the
    worker end before, the relay sends the task again.

    Args:
        task: what ran.
        identifier: the task's id.
        error: why it is dead.
        wait: seconds until the next try; it doubles.
    """
    if endings.bury_from_outside(database_of(task), uuid.UUID(identifier), error):
        return
    loop = get_event_loop()
    if loop is not None:
        loop.call_later(wait, bury_from_outside, task, identifier, error, min(wait * 2, endings.LONGEST_WAIT))


def database_of(task: DurableTask) -> Database:
    """Return the database that a task makes its effects in."""
    return consumer.database_named(task.database, task.name)


@signals.task_revoked.connect
def bury_revoked(request: Any, sender: Any = None, **_: Any) -> None:  # noqa: ANN401 - Celery's signals pass what they like
    """Make a dead letter of a durable task that an operator revoked: else the relay would send it again."""
    if isinstance(sender, DurableTask):
        bury_from_outside(sender, request.id, "it was revoked")


signals.task_unknown.connect(unfit.put_off_unknown)
signals.task_rejected.connect(unfit.bury_unreadable)
