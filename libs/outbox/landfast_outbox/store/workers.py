"""Statements of workers: a run locks its task's row, and ends in that row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from landfast_runtime.postgres.statements import begin_statement, in_one_trip
from psycopg import DatabaseError
from psycopg.pq import Escaping, TransactionStatus
from psycopg.types.json import Jsonb

from landfast_outbox.store.rows import OPEN, storable

if TYPE_CHECKING:
    from datetime import timedelta
    from uuid import UUID

    from psycopg import Connection

    from landfast_outbox.task import NewTask

#: What PostgreSQL says of a task that cannot be completed, for it is over: revision 0002's own code.
OVER = "LF001"


class Claim(NamedTuple):
    """The outcome of an attempt to work on a task.

    Args:
        granted: whether the task is the caller's to run, until its transaction ends.
        result: what an earlier run returned, as JSON, if the task is completed and its result was kept.
        uncertain: whether an earlier run may have taken effect outside the database.
    """

    granted: bool
    result: str | None = None
    uncertain: bool = False


def claim(connection: Connection[Any], identifier: UUID) -> Claim:
    """Lock a task for the rest of the transaction, if it is due, open and nobody else's.

    Where psycopg would begin a transaction first, the same trip does: its own BEGIN would be another.
    """
    begins = not connection.autocommit and connection.pgconn.transaction_status == TransactionStatus.IDLE
    begin = f"{begin_statement(connection)};" if begins else ""
    statement = f"{begin} SELECT granted, earlier, uncertain FROM outbox.claim('{identifier}')"
    said = in_one_trip(connection, statement.encode())[-1]
    granted, earlier, uncertain = (said.get_value(0, column) for column in range(3))
    return Claim(granted == b"t", None if earlier is None else earlier.decode(), uncertain == b"t")


def count_death(connection: Connection[Any], identifier: UUID) -> int | None:
    """Record that a run of the task ended with its worker, and return how many have; None if none did, or it is over.

    A row that was locked, as a run does, keeps the locking transaction's number until it is changed: ``xmax``. (Who
    locks it and changes it leaves a number, too: the same as in ``xmin``.) A message that only waited in a worker that
    died comes again as well, but nobody has locked its row.
    """
    row = connection.execute(
        f"""
        WITH opened AS MATERIALIZED (
            SELECT id FROM outbox.task WHERE id = %s AND {OPEN} AND xmax <> 0 AND xmax <> xmin
            FOR UPDATE SKIP LOCKED
        )
        UPDATE outbox.task SET deaths = deaths + 1 FROM opened WHERE task.id = opened.id RETURNING deaths
        """,
        (identifier,),
    ).fetchone()
    return row[0] if row else None


def complete(connection: Connection[Any], identifier: UUID, result: str | None = None) -> bool:
    """Record that the task is done, and commit that with all else that the transaction did, in one trip.

    Args:
        connection: the database.
        identifier: which task.
        result: its return value, as JSON; a later delivery of the task returns it.

    Returns:
        False if the task was over already: then nothing is committed.

    Raises:
        RuntimeError: the transaction to commit is over.
    """
    commit = b"" if connection.pgconn.transaction_status == TransactionStatus.IDLE else b"; COMMIT"
    if not commit and not connection.autocommit:
        raise RuntimeError("the task's body ended the transaction that was to record, too, that the task is done")
    returned = b"NULL" if result is None else Escaping(connection.pgconn).escape_literal(result.encode())
    try:
        in_one_trip(connection, b"SELECT outbox.complete('%s', %b)%b" % (str(identifier).encode(), returned, commit))
    except DatabaseError as error:
        if error.sqlstate != OVER:
            raise
        return False
    return True


def retry(connection: Connection[Any], identifier: UUID, again: NewTask, wait: timedelta, error: str) -> None:
    """Give the task another run after ``wait``; ``again`` has the message, with its count of retries.

    The run came to an end that is known: earlier setbacks and publications count no more, and nothing is uncertain.
    """
    connection.execute(
        f"""
        WITH settled AS (DELETE FROM outbox.setback WHERE task_id = %s)
        UPDATE outbox.task SET published_at = NULL, due_at = clock_timestamp() + %s, headers = %s, body = %s,
            retries = retries + 1, publications = 0, error = %s
        WHERE id = %s AND {OPEN}
        """,
        (identifier, wait, Jsonb(dict(again.headers)), again.body, storable(error), identifier),
    )


def bury(connection: Connection[Any], identifier: UUID, error: str) -> None:
    """Make the task a dead letter: kept, with what went wrong, until somebody re-drives it."""
    connection.execute(
        f"UPDATE outbox.task SET dead_at = clock_timestamp(), error = %s WHERE id = %s AND {OPEN}",
        (storable(error), identifier),
    )


def limit_lock_wait(connection: Connection[Any], milliseconds: int) -> None:
    """Let this connection's statements wait for a lock so long at most.

    Args:
        connection: the database. Statements that then wait for too long raise ``psycopg.errors.LockNotAvailable``.
        milliseconds: how long.
    """
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{milliseconds}ms",))


def hold(connection: Connection[Any], identifier: UUID) -> bool:
    """Say that a long task runs, until :func:`let_go` or the connection's end; False if somebody else runs it."""
    row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 1))", (str(identifier),)).fetchone()
    return bool(row and row[0])


def let_go(connection: Connection[Any], identifier: UUID) -> None:
    """Say that a long task runs no more.

    A server notices some time after it that a connection was closed: its next run, if it comes at once, would be
    taken for one too many.
    """
    connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 1))", (str(identifier),))
