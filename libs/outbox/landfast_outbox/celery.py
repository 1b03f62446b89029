"""Celery's adapter: ``delay`` and ``apply_async`` write a row, and a worker completes it with its effect.

A call with an option that a durable task cannot promise is refused; it never becomes silently less durable.
:mod:`landfast_outbox.celery_messages` makes the row.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from celery import signals
from celery.app.task import Task
from celery.exceptions import Ignore, Reject, Retry, TimeLimitExceeded, WorkerLostError
from kombu.asynchronous import get_event_loop
from landfast_runtime.worker import lease

from landfast_outbox import celery_messages as messages
from landfast_outbox import consumer, databases, endings
from landfast_outbox.exceptions import ControlError, IgnoreError, PoisonError, RejectError, RetryError
from landfast_outbox.lease import Lease
from landfast_outbox.task import NewTask, NotDurableError, as_json
from landfast_outbox.writing import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from celery.result import AsyncResult

    from landfast_outbox.databases import Database


class DurableTask(Task[Any, Any]):
    """A task that runs to its end once its caller's transaction has committed.

    ``delay`` and ``apply_async`` write it to the outbox inside the caller's transaction. The whole body runs in one
    transaction together with the record that the task is done; with ``long = True`` the body makes its own
    transactions, and opens the last one by :func:`landfast_outbox.consumer.effect`.
    """

    abstract = True

    #: Set on workers' health probes: they are neither logged nor counted as work.
    internal = False

    #: Whether the body runs for longer than a transaction should stay open.
    long = False

    #: Whether the result backend records the start: most tasks are over before anybody could read it.
    track_started = False

    #: Whether the ordered tasks of its queue are delivered in the order in which they were written.
    ordered = False

    #: The database of its effects: a name that the worker gave to :func:`landfast_outbox.databases.use`.
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
        """Write the task and return the handle of its result; the task is published once the transaction has committed.

        Args:
            args: positional arguments, as in Celery.
            kwargs: keyword arguments.
            task_id: a UUID; a new one by default.
            producer: not used: the relay publishes.
            link: refused.
            link_error: refused.
            shadow: another name in logs and in Flower.
            **options: Celery's options, such as ``countdown``, ``eta``, ``queue``, ``priority`` and ``time_limit``.

        Raises:
            NotDurableError: an option was given that a durable task cannot promise.
            PayloadError: the arguments are no plain JSON, or too large.
        """
        if self.app.conf.task_always_eager:
            return super().apply_async(
                tuple(args or ()), dict(kwargs or {}), task_id, producer, link, link_error, shadow, **options
            )
        if task_id and consumer.retries_itself(task_id):
            task = messages.row(self, args, kwargs, task_id, {**options, "shadow": shadow}, ordered=self.ordered)
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
        """Return the task as a row; nothing is written.

        Args:
            args: positional arguments.
            kwargs: keyword arguments.
            task_id: a UUID; a new one by default.
            **options: options of :meth:`apply_async`.

        Raises:
            NotDurableError: an option was given that a durable task cannot promise.
            PayloadError: the arguments are no plain JSON, or too large.
            TypeError: the body does not take such arguments.
        """
        messages.refuse(self.name, {"expires": self.expires, **options})
        self._check_arguments(args, kwargs)
        return messages.row(self, args, kwargs, task_id or str(uuid.uuid4()), options, ordered=self.ordered)

    def new_many(self, calls: Iterable[tuple[Sequence[Any], Mapping[str, Any]]]) -> Iterator[NewTask]:
        """Return many calls as rows, several times faster than :meth:`new`: their common parts are made once.

        Args:
            calls: the positional and keyword arguments of each call.

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
            own = {"id": str(identifier), "root_id": str(identifier), **messages.shown(args, kwargs)}
            yield replace(
                template,
                id=identifier,
                headers={**template.headers, **own},
                properties={**template.properties, "correlation_id": str(identifier)},
                body=as_json(self.name, (args, kwargs, messages.NOTHING_FOLLOWS)),
            )

    def replace(self, sig: object) -> NoReturn:
        """Refuse to be replaced by another task: that task's message would be sent after the commit.

        Args:
            sig: the signature of the other task.

        Raises:
            NotDurableError: always.
        """
        raise NotDurableError(f"{self.name} is durable and cannot be replaced: call {sig} in its own body")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the task's arguments and result
        """Run the body; in a worker, together with the record that the task is done."""
        request = self.request
        if request.called_directly or request.is_eager or not request.get("durable"):
            return super().__call__(*args, **kwargs)
        try:
            return consumer.run(self._delivery(), partial(self.run, *args, **kwargs), meaning)
        except RejectError as end:
            raise Reject(end.reason, requeue=end.requeue) from end
        except RetryError as end:
            raise Retry(exc=end.error, when=datetime.now(UTC) + timedelta(seconds=end.wait)) from end.error
        except ControlError as end:
            raise Ignore from end
        except PoisonError as error:
            raise WorkerLostError(str(error)) from error

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: ANN401 - Celery's
        """Make a dead letter of a task that was killed at its time limit; after other failures the run has done so.

        Args:
            exc: the exception that ended it.
            task_id: the task's id.
            args: its positional arguments.
            kwargs: its keyword arguments.
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

    def _check_arguments(self, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> None:
        """Refuse arguments that the body does not take, as Celery itself does.

        Raises:
            TypeError: the body would not take them.
        """
        check = getattr(self, "__header__", None) if self.typing else None
        if check is not None:
            check(*(args or ()), **(kwargs or {}))


def meaning(error: Exception) -> ControlError | None:
    """Translate an exception of Celery's by which a body makes a request; None if the exception is an error."""
    match error:
        case Ignore():
            return IgnoreError()
        case Reject(args=(reason, requeue)):
            return RejectError(reason, requeue=requeue)
        case Retry():
            return RetryError(error.exc)
    return None


def enqueue_many(task: DurableTask, calls: Iterable[tuple[Sequence[Any], Mapping[str, Any]]]) -> list[str]:
    """Write many calls of one task at once, in the open transaction, and return their ids.

    Args:
        task: the task.
        calls: the positional and keyword arguments of each call.

    Raises:
        PayloadError: some arguments are no plain JSON, or too large; nothing was written.
        TypeError: the body does not take such arguments; nothing was written.
    """
    tasks = list(task.new_many(calls))
    write(tasks)
    return [str(each.id) for each in tasks]


def bury_from_outside(task: DurableTask, identifier: str, error: str, wait: float = endings.FIRST_WAIT) -> None:
    """Make a dead letter of a task whose process is about to be killed: Celery reports the end before it kills.

    While the process still locks the row, the worker's event loop retries this. If the worker ends first, the relay
    publishes the task again.

    Args:
        task: the task.
        identifier: the task's id.
        error: the dead letter's error.
        wait: seconds until the next attempt; doubled each time.
    """
    if endings.bury_from_outside(database_of(task), uuid.UUID(identifier), error):
        return
    loop = get_event_loop()
    if loop is not None:
        loop.call_later(wait, bury_from_outside, task, identifier, error, min(wait * 2, endings.LONGEST_WAIT))


def database_of(task: DurableTask) -> Database:
    """Return the database of a task's effects."""
    return databases.named(task.database, task.name)


@signals.task_revoked.connect
def bury_revoked(request: Any, sender: Any = None, **_: Any) -> None:  # noqa: ANN401 - arguments of a signal
    """Make a dead letter of a durable task that an operator revoked: otherwise the relay would publish it again."""
    if isinstance(sender, DurableTask):
        bury_from_outside(sender, request.id, "it was revoked")


@signals.task_unknown.connect
def put_off_unknown(name: str, message: Any, **_: Any) -> None:  # noqa: ANN401 - as above
    """Put off a durable task that is unknown to this worker."""
    if identifier := _written_as(message):
        endings.put_off_unknown(databases.first(), identifier, name)


@signals.task_rejected.connect
def bury_unreadable(message: Any, exc: Exception | None = None, **_: Any) -> None:  # noqa: ANN401 - as above
    """Make a dead letter of a message that is no Celery task: another delivery would not change that."""
    if identifier := _written_as(message):
        error = f"a worker of Celery cannot read its message: {exc or 'it is in the form of another framework'}"
        endings.bury_from_outside(databases.first(), identifier, error)


def _written_as(message: Any) -> uuid.UUID | None:  # noqa: ANN401 - kombu's
    """Return the id of the row that a message was published from; None if it was published from no row."""
    with suppress(ValueError):
        return uuid.UUID(message.properties.get("message_id") or "")
    return None


def lease_in_first_database(name: str, taken: Callable[[bool], None]) -> Lease | None:
    """Return beat's lease in the database that its program registered first; None if it registered none."""
    return Lease(databases.first(), name, taken) if databases.any_registered() else None


lease.use(lease_in_first_database)
