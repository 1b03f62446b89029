"""Running a durable task so that its effect and its completion commit together or not at all.

The transaction holds the lock of the task's row while the body runs. So a duplicate that is delivered meanwhile finds
the row locked and goes away, one that is delivered later finds it completed, and of two that run at once only one can
commit. A worker that dies loses its connection, and with it lock and transaction; its message comes again, and if that
is lost too, the relay finds a row that is neither completed nor locked.
"""

from __future__ import annotations

import json
import logging
import traceback
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from landfast_outbox import databases, endings, store
from landfast_outbox.databases import DRIVER_OUTAGES
from landfast_outbox.exceptions import (
    ControlError,
    IgnoreError,
    OvertakenError,
    RejectError,
    RetryError,
    UncertainError,
)
from landfast_outbox.store import setbacks
from landfast_outbox.task import as_json
from landfast_outbox.writing import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from psycopg import Connection

    from landfast_outbox.databases import Database
    from landfast_outbox.task import NewTask

    #: Says what an exception of a body asks for in the terms of its framework; None if it is an error like any other.
    Meaning = Callable[[Exception], ControlError | None]

logger = logging.getLogger(__name__)


class InterruptedRunError(Exception):
    """The database failed a run whose body had begun.

    Args:
        error: what the database's driver or the framework raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class Delivery:
    """A task that a broker delivered, in terms that every framework has.

    Args:
        id: the task's.
        name: the task's, for messages.
        database: where its effects are: a name that was given to :func:`landfast_outbox.databases.use`.
        long: whether the body makes its own transactions.
        keep_result: whether what the body returns is kept.
        comes_again: whether the broker delivered it before: an earlier run may have ended with its worker.
    """

    id: UUID
    name: str
    database: str
    long: bool
    keep_result: bool
    comes_again: bool


@dataclass
class Run:
    """The task that runs in this process now.

    Args:
        id: the task's.
        database: where its effects are.
        keep_result: whether what the body returns is kept.
        long: whether the body makes its own transactions.
        meaning: says what an exception of the body asks for.
        again: the message for another run, once the body asked for a retry.
        begun: whether the body has begun.
        completed: whether the body recorded by itself that the task is done.
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


def retries_itself(identifier: str | None) -> bool:
    """Return whether the task that runs now is this one: then a new message is its own retry."""
    current = _current.get()
    return current is not None and identifier == str(current.id)


def keep_retry(task: NewTask) -> None:
    """Keep the running task's own retry: its row is there already, and is changed when the body has ended."""
    current = _current.get()
    if current is not None:
        current.again = task


def _nothing_special(_error: Exception) -> None:
    """Take each exception for an error: :class:`ControlError` is all that a body may ask by."""


def run(delivery: Delivery, body: Callable[[], Any], meaning: Meaning = _nothing_special) -> Any:  # noqa: ANN401
    """Run a delivered task.

    Args:
        delivery: what was delivered.
        body: the task's own code, with its arguments.
        meaning: says what an exception of the body asks for in the terms of its framework.

    Returns:
        What the body returned, or what it had returned when it was completed before.

    Raises:
        IgnoreError: there is nothing to run: somebody else works on it, it is over, or the database stays away and the
            relay will send it again. Or the body itself raised it: then the task is done, without a result.
        RejectError: the body raised it; the task is a dead letter now unless the broker is to deliver it again.
        RetryError: the body asked for another run, or the database failed this one; the row says when.
        UncertainError: an earlier run may have taken effect outside; the task is a dead letter now.
        PoisonError: each run ended with its worker; the task is a dead letter now.
        Exception: what the body raised. The task is a dead letter now, unless its framework means one of the above.
    """
    database = databases.named(delivery.database, delivery.name)
    current = Run(delivery.id, database, keep_result=delivery.keep_result, long=delivery.long, meaning=meaning)
    token = _current.set(current)
    try:
        if delivery.comes_again:
            endings.patiently(database, partial(endings.count_death, database, current.id))
        return endings.patiently(database, partial(_attempt, current, body))
    except InterruptedRunError as interruption:
        return _put_off(current, interruption.error)
    finally:
        _current.reset(token)


def point_of_no_return() -> None:
    """Record that the running task is about to do what must not be done twice, such as to have a letter taken.

    If the run does not come to an end that is known (its worker dies, an answer stays out), the task is a dead letter
    rather than run again. Where no durable task runs, nothing happens.
    """
    current = _current.get()
    if current is not None:
        with current.database.connect() as connection:
            setbacks.mark_uncertain(connection, current.id)


@contextmanager
def effect(result: Any = None) -> Iterator[Connection[Any]]:  # noqa: ANN401 - what the body will return
    """Open the transaction in which a long task makes its effect; it records, too, that the task is done.

    Args:
        result: what the body is going to return.

    Raises:
        OvertakenError: another run has completed the task; the block's effect is rolled back.
        RuntimeError: no long durable task runs here.
    """
    current = _current.get()
    if current is None or not current.long:
        raise RuntimeError("effect() belongs into the body of a durable task that says long=True")
    with _last_transaction(current, result) as connection:
        yield connection


@contextmanager
def _last_transaction(current: Run, result: object, *, keep: bool = True) -> Iterator[Connection[Any]]:
    with current.database.transaction() as connection:
        if not store.claim(connection, current.id).granted:
            raise OvertakenError
        with running(connection):
            yield connection
        _complete(connection, current, result, keep=keep)
    current.completed = True


def _attempt(current: Run, body: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the body returns
    try:
        return _run_long(current, body) if current.long else _run_short(current, body)
    except ControlError as wish:
        _grant(current, wish)
        raise
    except Exception as error:
        asked = current.meaning(error)
        if asked is not None:
            _grant(current, asked)
        elif not isinstance(error, current.database.outages):
            endings.bury(current.database, current.id, traceback.format_exc())
        elif current.begun:
            raise InterruptedRunError(error) from error
        raise


def _grant(current: Run, wish: ControlError) -> None:
    """Write to the row what a body asked for; the run's own transaction is over."""
    match wish:
        case OvertakenError():
            logger.warning("another run completed the task meanwhile: this one was rolled back")
        case RejectError(requeue=False):
            endings.bury(current.database, current.id, f"the task rejected itself: {wish.reason}")
        case RetryError():
            endings.retry(current.database, current.id, current.again, wish.error)


def _run_short(current: Run, body: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Run the whole body in the transaction that completes the task."""
    with current.database.transaction() as connection:
        claim = store.claim(connection, current.id)
        if not claim.granted:
            return _earlier(claim)
        with running(connection):
            result, wish = _call(current, claim, body)
        _complete(connection, current, result, keep=wish is None)
    if wish is not None:
        raise wish
    return result


def _run_long(current: Run, body: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Run a body that makes its own transactions; an advisory lock says meanwhile that somebody works on it."""
    with current.database.connect() as connection, _held(connection, current):
        claim = store.claim(connection, current.id)
        if not claim.granted:
            return _earlier(claim)
        result, wish = _call(current, claim, body)
        if not current.completed:
            # A task that is done is not done again because the database is away in the end.
            endings.patiently(current.database, partial(_conclude, current, result, keep=wish is None))
    if wish is not None:
        raise wish
    return result


@contextmanager
def _held(connection: Connection[Any], current: Run) -> Iterator[None]:
    """Hold a long task's advisory lock for the time of the block.

    Raises:
        IgnoreError: somebody else holds it.
    """
    if not store.hold(connection, current.id):
        raise IgnoreError
    try:
        yield
    finally:
        with suppress(*DRIVER_OUTAGES):  # the lock ends with its connection
            store.let_go(connection, current.id)


def _conclude(current: Run, result: object, *, keep: bool) -> None:
    with _last_transaction(current, result, keep=keep):
        pass


def _call(current: Run, claim: store.Claim, body: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Run the body, and return what it returned, or the exception by which it asked that nobody is told.

    Raises:
        UncertainError: an earlier run may have taken effect outside.
    """
    if claim.uncertain:
        raise UncertainError(
            "an earlier run may have taken effect: its worker died, or the database failed it, when it could not be "
            "taken back. Look there whether it did, and re-drive this task if not"
        )
    current.begun = True
    try:
        return body(), None
    except OvertakenError:
        raise
    except IgnoreError as wish:
        return None, wish
    except Exception as error:
        if isinstance(current.meaning(error), IgnoreError):
            return None, error
        raise


def _complete(connection: Connection[Any], current: Run, result: object, *, keep: bool = True) -> None:
    """Record that the task is done, and commit.

    Raises:
        OvertakenError: it was done already; nothing is committed.
    """
    kept = as_json("a task's result", result) if current.keep_result and keep else None
    current.database.ensure_it_commits()
    if not store.complete(connection, current.id, kept):
        raise OvertakenError


def _put_off(current: Run, error: Exception) -> Any:  # noqa: ANN401 - what an earlier run returned
    """Give a run that the database failed another chance, later; its process is free meanwhile.

    Returns:
        What the task returned, if it was completed after all: only the answer to its commit got lost.

    Raises:
        RetryError: the task is to run again.
        IgnoreError: somebody else has it, or the database stays away and the relay will send it again.
        Exception: ``error``; it was put off too often, and the task is a dead letter now.
    """
    trace = "".join(traceback.format_exception(error))
    put_off = endings.patiently(
        current.database, partial(endings.put_off, current.database, current.id, setbacks.INTERRUPTED, trace)
    )
    if put_off is None:
        return endings.patiently(current.database, partial(_look, current))
    if put_off.dead:
        raise error
    logger.warning("the database failed a run, the task is put off", extra={"problem": str(error)})
    raise RetryError(error, put_off.wait) from error


def _look(current: Run) -> Any:  # noqa: ANN401
    """Return what the task returned; :class:`IgnoreError` is raised if it is not done."""
    with current.database.transaction() as connection:
        return _earlier(store.claim(connection, current.id))


def _earlier(claim: store.Claim) -> Any:  # noqa: ANN401 - what an earlier run returned
    """Return what an earlier run returned: its worker may have died before it told anybody.

    Raises:
        IgnoreError: nothing was kept, or the task is not done.
    """
    if claim.result is None:
        raise IgnoreError
    return json.loads(claim.result)
