"""Running a durable task so that its effect and its completion commit together or not at all.

The run's transaction holds the lock of the task's row while the body runs. A duplicate that is delivered meanwhile
finds the row locked and is dropped; a duplicate that is delivered later finds the task completed; of two runs at the
same time only one can commit. A worker that dies loses its connection, and with it the lock and the transaction. The
broker then delivers the message again; if the message is lost too, the relay finds a row that is neither completed nor
locked.

:mod:`landfast_outbox.runs` has the state of the current run, :mod:`landfast_outbox.completion` the transaction that
completes a task, and :mod:`landfast_outbox.endings` all other ends of a run.
"""

from __future__ import annotations

import logging
import traceback
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from landfast_outbox import databases, endings, store
from landfast_outbox.completion import complete, earlier_result, effect, last_transaction, recorded_result
from landfast_outbox.databases import DRIVER_OUTAGES
from landfast_outbox.exceptions import (
    ControlError,
    IgnoreError,
    OvertakenError,
    RejectError,
    RetryError,
    UncertainError,
)
from landfast_outbox.runs import Delivery, Run, as_current, keep_retry, point_of_no_return, retries_itself
from landfast_outbox.store import setbacks
from landfast_outbox.writing import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from landfast_outbox.runs import Meaning

__all__ = ["Delivery", "effect", "keep_retry", "point_of_no_return", "retries_itself", "run"]

logger = logging.getLogger(__name__)


class InterruptedRunError(Exception):
    """The database failed a run whose body had begun.

    Args:
        error: the exception of the database's driver or of the framework.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _plain_error(_error: Exception) -> None:
    """Take every exception for an error: the body makes requests only by :class:`ControlError`."""


def run(delivery: Delivery, body: Callable[[], Any], meaning: Meaning = _plain_error) -> Any:  # noqa: ANN401
    """Run a delivered task.

    Args:
        delivery: the delivered task.
        body: the task's own code, with its arguments.
        meaning: translates an exception of the framework that the body raised.

    Returns:
        The body's return value, or that of the earlier run that completed the task.

    Raises:
        IgnoreError: there is nothing to run: another worker runs the task, the task is done or dead, or the database
            stays away and the relay will publish the task again. Or the body itself raised it: then the task is done,
            without a result.
        RejectError: the body raised it. The task is a dead letter now, unless the broker is to deliver it again.
        RetryError: the body requested another run, or the database failed this one; the row has the time.
        UncertainError: an earlier run may have taken effect outside; the task is a dead letter now.
        PoisonError: each run ended with its worker; the task is a dead letter now.
        Exception: the body's own error. The task is a dead letter now, unless its framework means one of the above.
    """
    database = databases.named(delivery.database, delivery.name)
    current = Run(delivery.id, database, keep_result=delivery.keep_result, long=delivery.long, meaning=meaning)
    with as_current(current):
        try:
            if delivery.comes_again:
                endings.patiently(database, partial(endings.count_death, database, current.id))
            return endings.patiently(database, partial(_attempt, current, body))
        except InterruptedRunError as interruption:
            return _put_off(current, interruption.error)


def _attempt(current: Run, body: Callable[[], Any]) -> Any:  # noqa: ANN401 - the body's return value
    try:
        return _run_long(current, body) if current.long else _run_short(current, body)
    except ControlError as request:
        _grant(current, request)
        raise
    except Exception as error:
        translated = current.meaning(error)
        if translated is not None:
            _grant(current, translated)
        elif not isinstance(error, current.database.outages):
            endings.bury(current.database, current.id, traceback.format_exc())
        elif current.begun:
            raise InterruptedRunError(error) from error
        raise


def _grant(current: Run, request: ControlError) -> None:
    """Write the body's request to the row; the run's own transaction is over."""
    match request:
        case OvertakenError():
            logger.warning("another run completed the task meanwhile: this one was rolled back")
        case RejectError(requeue=False):
            endings.bury(current.database, current.id, f"the task rejected itself: {request.reason}")
        case RetryError():
            endings.retry(current.database, current.id, current.again, request.error)


def _run_short(current: Run, body: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Run the whole body in the transaction that completes the task."""
    with current.database.transaction() as connection:
        claim = store.claim(connection, current.id)
        if not claim.granted:
            return earlier_result(claim)
        with running(connection):
            result, ignore = _call(current, claim, body)
        complete(connection, current, result, keep=ignore is None)
    if ignore is not None:
        raise ignore
    return result


def _run_long(current: Run, body: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Run a body that makes its own transactions; an advisory lock shows meanwhile that the task is running."""
    with current.database.connect() as connection, _held(connection, current):
        claim = store.claim(connection, current.id)
        if not claim.granted:
            return earlier_result(claim)
        result, ignore = _call(current, claim, body)
        if not current.completed:
            # A finished body must not run again only because the database is away at its end.
            endings.patiently(current.database, partial(_conclude, current, result, keep=ignore is None))
    if ignore is not None:
        raise ignore
    return result


@contextmanager
def _held(connection: Connection[Any], current: Run) -> Iterator[None]:
    """Hold a long task's advisory lock during the block.

    Raises:
        IgnoreError: another worker holds it.
    """
    if not store.hold(connection, current.id):
        raise IgnoreError
    try:
        yield
    finally:
        with suppress(*DRIVER_OUTAGES):  # the lock ends with its connection
            store.let_go(connection, current.id)


def _conclude(current: Run, result: object, *, keep: bool) -> None:
    with last_transaction(current, result, keep=keep):
        pass


def _call(current: Run, claim: store.Claim, body: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Run the body.

    Returns:
        The body's return value, and None; or None, and the exception by which the body requested a silent end.

    Raises:
        UncertainError: an earlier run may have taken effect outside.
    """
    if claim.uncertain:
        raise UncertainError(
            "an earlier run may have taken effect: its worker died, or the database failed it, after the point of no "
            "return. Check outside whether it did, and re-drive this task if not"
        )
    current.begun = True
    try:
        return body(), None
    except OvertakenError:
        raise
    except IgnoreError as ignore:
        return None, ignore
    except Exception as error:
        if isinstance(current.meaning(error), IgnoreError):
            return None, error
        raise


def _put_off(current: Run, error: Exception) -> Any:  # noqa: ANN401 - the return value of an earlier run
    """Schedule another, later run for a task whose run the database failed; the process is free meanwhile.

    Returns:
        The task's result, if the task was completed after all: only the reply to the commit was lost.

    Raises:
        RetryError: the task is to run again.
        IgnoreError: another worker runs the task, or the database stays away and the relay will publish it again.
        Exception: ``error``; the task was put off too often, and is a dead letter now.
    """
    trace = "".join(traceback.format_exception(error))
    put_off = endings.patiently(
        current.database, partial(endings.put_off, current.database, current.id, setbacks.INTERRUPTED, trace)
    )
    if put_off is None:
        return endings.patiently(current.database, partial(recorded_result, current))
    if put_off.dead:
        raise error
    logger.warning("the database failed a run, the task is put off", extra={"problem": str(error)})
    raise RetryError(error, put_off.wait) from error
