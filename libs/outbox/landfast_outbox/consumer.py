"""Running a durable task so that its effect and its completion commit together or not at all.

The transaction holds the lock of the task's row while the body runs. So a duplicate that is delivered meanwhile finds
the row locked and goes away, one that is delivered later finds it completed, and of two that run at once only one can
commit. A worker that dies loses its connection, and with it lock and transaction; its message comes again, and if that
is lost too, the relay finds a row that is neither completed nor locked.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, LiteralString

from billiard.exceptions import WorkerLostError
from celery.exceptions import Ignore, Reject, Retry
from psycopg.errors import LockNotAvailable

from landfast_outbox import store
from landfast_outbox.databases import DRIVER_OUTAGES
from landfast_outbox.task import as_json
from landfast_outbox.writing import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from psycopg import Connection

    from landfast_outbox.databases import Database
    from landfast_outbox.task import NewTask

logger = logging.getLogger(__name__)

#: Runs that may end with their worker before a task counts as poison.
DEATHS = 5

#: Seconds that a run is tried again while the database is away or at odds with others (a deadlock, say), and between
#: two tries: the message stays with this worker meanwhile, so that work goes on at once when the database is back.
PATIENCE = 300.0
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0

#: How long a worker's main process may stand still for a run that holds its row.
LET_GO: LiteralString = "100ms"


class OvertakenError(Ignore):
    """Another run of the task has completed it; this one's effect must not commit, and nobody is to retry it."""


@dataclass(frozen=True)
class Delivery:
    """A task that a broker delivered, in terms that every framework has.

    Args:
        id: the task's.
        name: the task's, for messages.
        database: where its effects are: a name that was given to :func:`use`.
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
        again: the message for another run, once the body asked for a retry.
        completed: whether the body recorded by itself that the task is done.
    """

    id: UUID
    database: Database
    keep_result: bool
    long: bool
    again: NewTask | None = None
    completed: bool = False


_databases: dict[str, Database] = {}
_current: ContextVar[Run | None] = ContextVar("outbox_run", default=None)


def use(database: Database, name: str = "default") -> None:
    """Name a database that tasks make their effects in; once a process."""
    _databases[name] = database


def database_named(name: str, task: str) -> Database:
    """Return the database that a task makes its effects in.

    Args:
        name: what it was given to :func:`use` by.
        task: the task's name.

    Raises:
        RuntimeError: this process does not know it.
    """
    try:
        return _databases[name]
    except KeyError:
        message = f"{task} wants the database {name!r}: name it by landfast_outbox.consumer.use()"
        raise RuntimeError(message) from None


def retries_itself(identifier: str | None) -> bool:
    """Return whether the task that runs now is this one: then a new message is its own retry."""
    current = _current.get()
    return current is not None and identifier == str(current.id)


def keep_retry(task: NewTask) -> None:
    """Keep the running task's own retry: its row is there already, and is changed when the body has ended."""
    current = _current.get()
    if current is not None:
        current.again = task


def run(delivery: Delivery, body: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the body returns
    """Run a delivered task.

    Args:
        delivery: what was delivered.
        body: the task's own code, with its arguments.

    Returns:
        What the body returned, or what it had returned when it was completed before.

    Raises:
        Ignore: there is nothing to run: somebody else works on it, it is over, or the database stays away and the
            relay will send it again. Or the body itself raised it: then the task is done, without a result.
        Reject: the body raised it; the task is a dead letter now unless the broker is to deliver it again.
        Retry: the body asked for another run; the row says when.
        WorkerLostError: each run ended with its worker; the task is a dead letter now.
        Exception: what the body raised; the task is a dead letter now.
    """
    database = database_named(delivery.database, delivery.name)
    current = Run(delivery.id, database, keep_result=delivery.keep_result, long=delivery.long)
    token = _current.set(current)
    counted = not delivery.comes_again
    deadline, wait = time.monotonic() + PATIENCE, FIRST_WAIT
    try:
        while True:
            try:
                if not counted:
                    _count_death(current)
                    counted = True
                return _attempt(current, body)
            except database.outages as error:
                database.reset()
                if time.monotonic() > deadline:
                    _give_up(current, error)
                    raise Ignore from error
                logger.warning("the database fails, the task is tried again", extra={"problem": str(error)})
                time.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
    finally:
        _current.reset(token)


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


def _attempt(current: Run, body: Callable[[], Any]) -> Any:  # noqa: ANN401
    try:
        return _run_long(current, body) if current.long else _run_short(current, body)
    except OvertakenError:
        logger.warning("another run completed the task meanwhile: this one was rolled back")
        raise
    except Ignore:
        raise
    except Reject as wish:
        reason, requeue = wish.args
        if not requeue:
            bury(current.database, current.id, f"the task rejected itself: {reason}")
        raise
    except Retry as wish:
        _retry(current, wish)
        raise
    except current.database.outages:
        raise
    except Exception:
        bury(current.database, current.id, traceback.format_exc())
        raise


def _run_short(current: Run, body: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Run the whole body in the transaction that completes the task."""
    with current.database.transaction() as connection:
        claim = store.claim(connection, current.id)
        if not claim.granted:
            return _earlier(claim)
        with running(connection):
            result, wish = _call(body)
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
        result, wish = _call(body)
        if not current.completed:
            with _last_transaction(current, result, keep=wish is None):
                pass
    if wish is not None:
        raise wish
    return result


@contextmanager
def _held(connection: Connection[Any], current: Run) -> Iterator[None]:
    """Hold a long task's advisory lock for the time of the block.

    Raises:
        Ignore: somebody else holds it.
    """
    if not store.hold(connection, current.id):
        raise Ignore
    try:
        yield
    finally:
        with suppress(*DRIVER_OUTAGES):  # the lock ends with its connection
            store.let_go(connection, current.id)


def _call(body: Callable[[], Any]) -> tuple[Any, Ignore | None]:
    """Run the body, and return what it returned, or its wish that nobody is told."""
    try:
        return body(), None
    except OvertakenError:
        raise
    except Ignore as wish:
        return None, wish


def _complete(connection: Connection[Any], current: Run, result: object, *, keep: bool = True) -> None:
    """Record that the task is done, and commit.

    Raises:
        OvertakenError: it was done already; nothing is committed.
    """
    kept = as_json("a task's result", result) if current.keep_result and keep else None
    current.database.ensure_it_commits()
    if not store.complete(connection, current.id, kept):
        raise OvertakenError


def _earlier(claim: store.Claim) -> Any:  # noqa: ANN401 - what an earlier run returned
    """Return what an earlier run returned: its worker may have died before it told anybody.

    Raises:
        Ignore: nothing was kept, or the task is not done.
    """
    if claim.result is None:
        raise Ignore
    return json.loads(claim.result)


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
            connection.execute(f"SET lock_timeout = '{LET_GO}'")
            store.bury(connection, identifier, error)
    except LockNotAvailable:
        return False
    except DRIVER_OUTAGES as problem:
        logger.warning("no dead letter could be written", extra={"problem": str(problem), "id": str(identifier)})
    return True


def _count_death(current: Run) -> None:
    """Count a run that ended with its worker.

    Raises:
        WorkerLostError: those were too many; the task is a dead letter.
    """
    with current.database.transaction() as connection:
        deaths = store.count_death(connection, current.id)
        poison = deaths is not None and deaths >= DEATHS
        if poison:
            store.bury(connection, current.id, f"its worker died {deaths} times while it ran")
    if poison:
        raise WorkerLostError(f"its worker died {deaths} times while it ran")


def _retry(current: Run, wish: Retry) -> None:
    """Write to the row what the body asked for: another run, later."""
    again = current.again
    if again is None:
        bury(current.database, current.id, "a durable task retries by self.retry()")
        raise RuntimeError("a durable task retries by self.retry()") from wish
    wait = again.wait or timedelta(0)
    if again.due_at:
        wait = max(again.due_at - datetime.now(UTC), timedelta(0))
    with current.database.transaction() as connection:
        store.retry(connection, current.id, again, wait, repr(wish.exc))


def _give_up(current: Run, error: Exception) -> None:
    """Make a task a dead letter that finds no database though the database answers."""
    try:
        bury(current.database, current.id, "".join(traceback.format_exception(error)))
    except current.database.outages:
        logger.warning("the database is away: the task will be sent again", extra={"problem": str(error)})
