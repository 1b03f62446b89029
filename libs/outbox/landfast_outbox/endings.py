"""How a task ends, or is put off, when its run does not complete it: what is written to its row then."""

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

#: Runs that may end with their worker before a task counts as poison.
DEATHS = 5

#: Seconds that a worker waits for a database that is away, and between two tries: the message stays with this worker
#: meanwhile, so that work goes on at once when the database is back.
PATIENCE = 300.0
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0

#: Milliseconds for which a worker's main process may stand still for a run that holds its row.
LET_GO = 100


def patiently[Result](database: Database, step: Callable[[], Result]) -> Result:
    """Take a step, again and again while the database is away.

    Args:
        database: what may be away.
        step: has no effect while it is.

    Raises:
        IgnoreError: it stays away; the relay will send the task again.
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
    """Make a task a dead letter whose own run is over, over a connection of its own.

    While the database is away, nothing happens: the relay will send the task again.

    Returns:
        Whether that was all that can be done. False: its run still holds the row.
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
    """Put a task off that cannot run here, over a connection of its own.

    While the database is away, nothing happens: the relay will send the task again.
    """
    try:
        with database.connect() as connection:
            setbacks.put_off(connection, identifier, patience, error)
    except DRIVER_OUTAGES as problem:
        logger.warning("a task could not be put off", extra={"problem": str(problem), "id": str(identifier)})


def put_off_unknown(database: Database, identifier: UUID, name: str) -> None:
    """Put off a task that this worker does not know: a newer release's may. In the end it is a dead letter.

    A framework rejects such a message and logs it; its row would stay in flight, and the relay publish it for ever.

    Args:
        database: where the row is.
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
        PoisonError: those were too many; the task is a dead letter.
    """
    with database.transaction() as connection:
        deaths = store.count_death(connection, identifier)
        poison = deaths is not None and deaths >= DEATHS
        if poison:
            store.bury(connection, identifier, f"its worker died {deaths} times while it ran")
    if poison:
        raise PoisonError(f"its worker died {deaths} times while it ran")


def retry(database: Database, identifier: UUID, again: NewTask | None, error: Exception | None) -> None:
    """Write to the row what the body asked for: another run, later.

    Args:
        database: where the row is.
        identifier: which task.
        again: the message for the other run; without one the body did not ask in the right way.
        error: why the body asked for it.

    Raises:
        RuntimeError: the body asked by an exception alone; the task is a dead letter.
    """
    if again is None:
        bury(database, identifier, "a durable task retries by self.retry()")
        raise RuntimeError("a durable task retries by self.retry()") from error
    wait = again.wait or timedelta(0)
    if again.due_at:
        wait = max(again.due_at - datetime.now(UTC), timedelta(0))
    with database.transaction() as connection:
        store.retry(connection, identifier, again, wait, repr(error))
