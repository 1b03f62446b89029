"""Ends of a run that does not complete its task: the task becomes a dead letter, is put off, or is retried."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from landfast_runtime.shortage import outage
from psycopg.errors import LockNotAvailable

from landfast_outbox import store
from landfast_outbox.databases import DRIVER_OUTAGES
from landfast_outbox.exceptions import IgnoreError, PoisonError
from landfast_outbox.store import setbacks

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from landfast_outbox.databases import Database
    from landfast_outbox.task import NewTask

logger = logging.getLogger(__name__)

#: The number of runs that may end with their worker before a task counts as poison.
DEATHS = 5

#: Seconds that a worker waits for a database that is away, and between two attempts. The message stays with this worker
#: meanwhile, so that work resumes as soon as the database is back.
PATIENCE = 300.0
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0

#: Milliseconds that a worker's main process may wait for a run that holds its row.
LET_GO = 100


def patiently[Result](database: Database, step: Callable[[], Result]) -> Result:
    """Take a step, and retry it while the database is away.

    Args:
        database: the database.
        step: the step, which has no effect while the database is away.

    Raises:
        IgnoreError: the database stays away; the relay will publish the task again.
    """
    deadline, wait = time.monotonic() + PATIENCE, FIRST_WAIT
    while True:
        try:
            return step()
        except database.outages as error:
            database.reset()
            what = outage("the database", error)
            if time.monotonic() > deadline:
                logger.warning("%s: the task will be sent again", what, extra={"problem": str(error)})
                raise IgnoreError from error
            logger.warning("%s: the task waits for it", what, extra={"problem": str(error)})
            time.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)


def bury(database: Database, identifier: UUID, error: str) -> None:
    """Make a task a dead letter, in a transaction of its own."""
    with database.transaction() as connection:
        store.bury(connection, identifier, error)


def bury_from_outside(database: Database, identifier: UUID, error: str) -> bool:
    """Make a dead letter of a task whose run is over, on a connection of its own.

    While the database is away, nothing happens: the relay will publish the task again.

    Returns:
        False if the run still holds the row, and a retry makes sense; otherwise True.
    """
    try:
        with database.connect() as connection:
            store.limit_lock_wait(connection, LET_GO)
            store.bury(connection, identifier, error)
    except LockNotAvailable:
        return False
    except DRIVER_OUTAGES as problem:
        logger.warning("no dead letter could be written", extra={"problem": str(problem), "id": str(identifier)})
    return True


def put_off(database: Database, identifier: UUID, patience: setbacks.Patience, error: str) -> setbacks.PutOff | None:
    """Put a task off, in a transaction of its own; arguments and result are those of :func:`setbacks.put_off`."""
    with database.transaction() as connection:
        return setbacks.put_off(connection, identifier, patience, error)


def put_off_from_outside(database: Database, identifier: UUID, patience: setbacks.Patience, error: str) -> None:
    """Put off a task that cannot run here, on a connection of its own.

    While the database is away, nothing happens: the relay will publish the task again.
    """
    try:
        with database.connect() as connection:
            setbacks.put_off(connection, identifier, patience, error)
    except DRIVER_OUTAGES as problem:
        logger.warning("a task could not be put off", extra={"problem": str(problem), "id": str(identifier)})


def put_off_unknown(database: Database, identifier: UUID, name: str) -> None:
    """Put off a task that only a newer release may know; in the end it is a dead letter.

    The framework rejects such a message and logs it. Its row would stay in flight, and the relay would republish the
    task for ever.

    Args:
        database: the database of the row.
        identifier: the task's id.
        name: the task's name.
    """
    error = (
        f"no worker knows the task {name!r}: its module is gone, or is not among those that workers import "
        "(Celery's include=, Dramatiq's list of actors). Deploy a release that has it, then re-drive this one"
    )
    logger.error("a task is unknown here and is put off", extra={"task": name, "id": str(identifier)})
    put_off_from_outside(database, identifier, setbacks.UNKNOWN, error)


def count_death(database: Database, identifier: UUID) -> None:
    """Count a run that ended with its worker.

    Raises:
        PoisonError: too many runs have ended so; the task is a dead letter.
    """
    with database.transaction() as connection:
        deaths = store.count_death(connection, identifier)
        poison = deaths is not None and deaths >= DEATHS
        if poison:
            store.bury(connection, identifier, f"its worker died {deaths} times while it ran")
    if poison:
        raise PoisonError(f"its worker died {deaths} times while it ran")


def retry(database: Database, identifier: UUID, again: NewTask | None, error: Exception | None) -> None:
    """Schedule in the row the retry that the body requested.

    Args:
        database: the database of the row.
        identifier: the task's id.
        again: the message of the retry; None if the body did not use its framework's function for it.
        error: the reason.

    Raises:
        RuntimeError: the body only raised the exception; the task is a dead letter.
    """
    if again is None:
        bury(database, identifier, "a durable task retries by self.retry()")
        raise RuntimeError("a durable task retries by self.retry()") from error
    wait = again.wait or timedelta(0)
    if again.due_at:
        wait = max(again.due_at - datetime.now(UTC), timedelta(0))
    with database.transaction() as connection:
        store.retry(connection, identifier, again, wait, repr(error))
