"""Statements of workers: a run locks its task's row, and writes its outcome there."""

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

#: The SQLSTATE of a task that cannot be completed because it is over: revision 0002's own code.
OVER = "LF001"


class Claim(NamedTuple):
    """The outcome of an attempt to work on a task.

    Args:
        granted: whether the caller may run the task, until the caller's transaction ends.
        result: the result of an earlier run, as JSON, if the task is completed and its result was kept.
        uncertain: whether an earlier run may have taken effect outside the database.
    """

    granted: bool
    result: str | None = None
    uncertain: bool = False


def claim(connection: Connection[Any], identifier: UUID) -> Claim:
    """Lock a task for the rest of the transaction, if it is due, open and not locked.

    If no transaction is open, the same round trip begins one: psycopg's own BEGIN would be another round trip.
    """
    begins = not connection.autocommit and connection.pgconn.transaction_status == TransactionStatus.IDLE
    begin = f"{begin_statement(connection)};" if begins else ""
    statement = f"{begin} SELECT granted, earlier, uncertain FROM outbox.claim('{identifier}')"
    said = in_one_trip(connection, statement.encode())[-1]
    granted, earlier, uncertain = (said.get_value(0, column) for column in range(3))
    return Claim(granted == b"t", None if earlier is None else earlier.decode(), uncertain == b"t")


def count_death(connection: Connection[Any], identifier: UUID) -> int | None:
    """Record that a run of the task ended with its worker, and return the number of such runs.

    A locked row keeps the number of the locking transaction in ``xmax`` until the row is updated. (A transaction that
    locks and updates the row leaves its number too, but the same as in ``xmin``.) A message that only waited in a
    worker that died is redelivered as well, but its row was not locked.

    Returns:
        The number; None if no run has begun, or the task is over.
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
    """Record that the task is done, and commit the record with the rest of the transaction, in one round trip.

    Args:
        connection: the database.
        identifier: the task's id.
        result: its return value, as JSON; a later delivery of the task returns it.

    Returns:
        False if the task was over already: then nothing is committed.

    Raises:
        RuntimeError: the transaction is over already.
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
    """Schedule a retry after ``wait``; ``again`` has the message, with its number of retries.

    The outcome of the run is known: earlier setbacks and publications no longer count, and nothing is uncertain.
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
    """Make the task a dead letter, which is kept with its error until an operator re-drives it."""
    connection.execute(
        f"UPDATE outbox.task SET dead_at = clock_timestamp(), error = %s WHERE id = %s AND {OPEN}",
        (storable(error), identifier),
    )


def limit_lock_wait(connection: Connection[Any], milliseconds: int) -> None:
    """Limit the time that statements of this connection wait for a lock.

    Args:
        connection: the database. A statement that waits longer raises ``psycopg.errors.LockNotAvailable``.
        milliseconds: the limit.
    """
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{milliseconds}ms",))


def hold(connection: Connection[Any], identifier: UUID) -> bool:
    """Mark a long task as running until :func:`let_go` or the connection's end; False if another worker runs it."""
    row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 1))", (str(identifier),)).fetchone()
    return bool(row and row[0])


def let_go(connection: Connection[Any], identifier: UUID) -> None:
    """End the mark of a running long task.

    A server notices the end of a connection with a delay: until then, an immediate next run would look like a
    second run at the same time.
    """
    connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 1))", (str(identifier),))
