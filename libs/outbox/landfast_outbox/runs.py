"""The durable task that runs in this process now: its state, and the functions that its body and an adapter call."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from landfast_outbox.store import setbacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from landfast_outbox.databases import Database
    from landfast_outbox.exceptions import ControlError
    from landfast_outbox.task import NewTask

    #: Translates an exception of the framework that a body raised; None if the exception is an error like any other.
    Meaning = Callable[[Exception], ControlError | None]


@dataclass(frozen=True)
class Delivery:
    """A task that a broker delivered, in terms that every framework has.

    Args:
        id: the task's id.
        name: the task's name, for messages.
        database: the database of the task's effects: a name that was given to :func:`landfast_outbox.databases.use`.
        long: whether the body makes its own transactions.
        keep_result: whether the body's return value is kept.
        comes_again: whether the broker has delivered the task before: an earlier run may have ended with its worker.
    """

    id: UUID
    name: str
    database: str
    long: bool
    keep_result: bool
    comes_again: bool


@dataclass
class Run:
    """One run of a task.

    Args:
        id: the task's id.
        database: the database of the task's effects.
        keep_result: whether the body's return value is kept.
        long: whether the body makes its own transactions.
        meaning: translates an exception of the body.
        again: the message of the next run, once the body has requested a retry.
        begun: whether the body has begun.
        completed: whether the body itself has recorded that the task is done.
    """

    id: UUID
    database: Database
    keep_result: bool
    long: bool
    meaning: Meaning
    again: NewTask | None = None
    begun: bool = False
    completed: bool = False


_current: ContextVar[Run | None] = ContextVar("outbox_run", default=None)


def current() -> Run | None:
    """Return the run of this thread or coroutine; None outside a durable task."""
    return _current.get()


@contextmanager
def as_current(run: Run) -> Iterator[None]:
    """Make a run the current one for the block."""
    token = _current.set(run)
    try:
        yield
    finally:
        _current.reset(token)


def retries_itself(identifier: str | None) -> bool:
    """Return whether the id is the running task's own: a new message with this id is the task's retry."""
    run = current()
    return run is not None and identifier == str(run.id)


def keep_retry(task: NewTask) -> None:
    """Keep the running task's retry until the body has ended; the task's row, which exists already, is changed then."""
    run = current()
    if run is not None:
        run.again = task


def point_of_no_return() -> None:
    """Record that the running task is about to do something that must not happen twice, such as the sending of a mail.

    If the outcome of the run stays unknown (its worker dies, a reply does not arrive), the task becomes a dead letter
    and does not run again. Outside a durable task, nothing happens.
    """
    run = current()
    if run is not None:
        with run.database.connect() as connection:
            setbacks.mark_uncertain(connection, run.id)
