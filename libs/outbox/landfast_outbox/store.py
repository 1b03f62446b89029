"""Every statement that changes ``outbox.task``; :mod:`landfast_outbox.census` counts.

Functions take a psycopg connection, and leave its transactions to the caller.

A task is *pending* until a relay takes it, *in flight* until it is completed or dead, and *done* or *dead* then. Who
runs a task holds the lock of its row: one that dies lets go of it without another word, however it died.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple, Protocol

from landfast_runtime.statements import begin_statement, in_one_trip
from psycopg import DatabaseError
from psycopg.pq import Escaping, TransactionStatus
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta
    from uuid import UUID

    from psycopg import Connection, Copy

    from landfast_outbox.task import NewTask

#: Wakes the relays; sent by the table's trigger, once a statement, and delivered once a transaction.
CHANNEL = "outbox"

#: Characters of an error that are kept: its end says what happened.
LONGEST_ERROR = 64 * 1024

#: What PostgreSQL says of a task that cannot be completed, for it is over: revision 0002's own code.
OVER = "LF001"

#: From so many tasks on, COPY is the faster way in.
COPY_FROM = 50

#: Publications of which nothing came before a task is a dead letter. With a wait of half an hour between two of them in
#: the end (:func:`sweep`), that is about a day.
MOST_PUBLICATIONS = 50

PENDING: LiteralString = "published_at IS NULL AND completed_at IS NULL AND dead_at IS NULL"
IN_FLIGHT: LiteralString = "published_at IS NOT NULL AND completed_at IS NULL AND dead_at IS NULL"
_OPEN: LiteralString = "completed_at IS NULL AND dead_at IS NULL"

_INSERT: LiteralString = """
    INSERT INTO outbox.task (id, name, engine, queue, headers, properties, body, ordered, due_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, COALESCE(%s, clock_timestamp() + COALESCE(%s, interval '0')))
"""

_COPY: LiteralString = "COPY outbox.task (id, name, engine, queue, headers, properties, body, ordered) FROM STDIN"


class Cursor(Protocol):
    """What writing needs of a cursor: Django's and psycopg's both have it."""

    def execute(self, query: LiteralString, params: Sequence[Any] = ..., /) -> object:
        """Run one statement."""

    def executemany(self, query: LiteralString, params_seq: Sequence[Sequence[Any]], /) -> object:
        """Run one statement for many rows."""

    def copy(self, statement: LiteralString, /) -> AbstractContextManager[Copy]:
        """Send many rows at once."""


@dataclass(frozen=True, slots=True)
class Message:
    """A row that the relay is about to publish."""

    id: UUID
    queue: str
    headers: dict[str, Any]
    properties: dict[str, Any]
    body: str
    ordered: bool
    due_at: datetime
    sequence: int
    #: Seconds since it was due, by the database's clock.
    waited: float = 0.0


class Claim(NamedTuple):
    """What became of an attempt to work on a task.

    Args:
        granted: whether the task is the caller's to run, until its transaction ends.
        result: what an earlier run returned, as JSON, if the task is completed and its result was kept.
        uncertain: whether an earlier run may have taken effect outside the database.
    """

    granted: bool
    result: str | None = None
    uncertain: bool = False


def insert(cursor: Cursor, tasks: Sequence[NewTask]) -> None:
    """Write tasks into the cursor's transaction."""
    for queue in sorted({task.queue for task in tasks if task.ordered}):
        # Who writes to the same queue waits until this transaction ends: so the order of writing is that of commits.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('outbox.write.' || %s, 0))", (queue,))
    if len(tasks) == 1:
        cursor.execute(_INSERT, _row(tasks[0]))
    elif len(tasks) < COPY_FROM or any(task.wait or task.due_at for task in tasks):
        cursor.executemany(_INSERT, [_row(task) for task in tasks])
    else:
        with cursor.copy(_COPY) as copy:
            for task in tasks:
                copy.write_row(_values(task))


def _values(task: NewTask) -> tuple[Any, ...]:
    headers, properties = json.dumps(task.headers), json.dumps(task.properties)
    return (str(task.id), task.name, task.engine, task.queue, headers, properties, task.body, task.ordered)


def _row(task: NewTask) -> tuple[Any, ...]:
    return (*_values(task), task.due_at, task.wait)


def take(
    connection: Connection[Any],
    limit: int,
    ordered_queues: Sequence[str],
    without: Sequence[str] = (),
    only: str | None = None,
) -> list[Message]:
    """Return tasks that are due, in the order of writing, recorded as published; those that others hold are left.

    The record comes before the deed, so that no worker ever meets a row that its relay still holds. Whoever dies in
    between leaves tasks that look lost, and :func:`sweep` finds them.

    Args:
        connection: the database.
        limit: how many at most.
        ordered_queues: the queues whose ordered tasks the caller alone publishes.
        without: queues whose tasks are left.
        only: the queue whose tasks are taken; those of all the others are left.
    """
    with connection.cursor(row_factory=class_row(Message)) as cursor:
        cursor.execute(
            f"""
            WITH due AS MATERIALIZED (
                SELECT id FROM outbox.task
                WHERE {PENDING} AND due_at <= clock_timestamp() AND (NOT ordered OR queue = ANY (%s))
                    AND queue <> ALL (%s) AND queue = COALESCE(%s, queue)
                ORDER BY due_at, sequence LIMIT %s FOR UPDATE SKIP LOCKED
            )
            UPDATE outbox.task SET published_at = clock_timestamp(), publications = publications + 1
            FROM due WHERE task.id = due.id
            RETURNING task.id, queue, headers, properties, body, ordered, due_at, sequence,
                extract(epoch FROM clock_timestamp() - due_at)::float8 AS waited
            """,
            (list(ordered_queues), list(without), only, limit),
        )
        return sorted(cursor.fetchall(), key=lambda message: (message.due_at, message.sequence))


def lead_ordered_queues(connection: Connection[Any]) -> list[str]:
    """Return the queues whose ordered tasks this connection alone publishes, for as long as it lasts."""
    rows = connection.execute(
        f"""
        WITH waiting AS MATERIALIZED (SELECT DISTINCT queue FROM outbox.task WHERE ordered AND {PENDING})
        SELECT queue FROM waiting WHERE EXISTS (
            SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid = 1
            AND classid::bigint << 32 | objid::bigint = hashtextextended('outbox.publish.' || queue, 0)
        ) OR pg_try_advisory_lock(hashtextextended('outbox.publish.' || queue, 0))
        """
    )
    return [queue for (queue,) in rows]


def give_back(connection: Connection[Any], ids: Sequence[UUID]) -> None:
    """Make tasks pending again that the broker would not have or did not confirm; they are due as they were.

    One that a worker holds by now did arrive; it is left alone.
    """
    connection.execute(
        f"""
        WITH back AS MATERIALIZED (
            SELECT id FROM outbox.task WHERE id = ANY (%s) AND {_OPEN} FOR UPDATE SKIP LOCKED
        )
        UPDATE outbox.task SET published_at = NULL, publications = publications - 1
        FROM back WHERE task.id = back.id
        """,
        (list(ids),),
    )


def next_due(connection: Connection[Any], without: Sequence[str] = ()) -> float | None:
    """Return the seconds until the next task is due, negative if one is overdue, or None without any.

    Args:
        connection: the database.
        without: queues whose tasks do not count.
    """
    row = connection.execute(
        f"""
        SELECT extract(epoch FROM due_at - clock_timestamp())::float8 AS until_due FROM outbox.task
        WHERE {PENDING} AND queue <> ALL (%s) ORDER BY due_at, sequence LIMIT 1
        """,
        (list(without),),
    ).fetchone()
    return row[0] if row else None


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
            SELECT id FROM outbox.task WHERE id = %s AND {_OPEN} AND xmax <> 0 AND xmax <> xmin
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
        result: what it returned, as JSON, to be told to who asks again.

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
        WHERE id = %s AND {_OPEN}
        """,
        (identifier, wait, Jsonb(dict(again.headers)), again.body, storable(error), identifier),
    )


def bury(connection: Connection[Any], identifier: UUID, error: str) -> None:
    """Make the task a dead letter: kept, with what went wrong, until somebody re-drives it."""
    connection.execute(
        f"UPDATE outbox.task SET dead_at = clock_timestamp(), error = %s WHERE id = %s AND {_OPEN}",
        (storable(error), identifier),
    )


def storable(error: str) -> str:
    """Return what PostgreSQL can store of an error's text, and no more than somebody may want to read."""
    return error[-LONGEST_ERROR:].replace("\0", "").encode(errors="backslashreplace").decode()


def discard(connection: Connection[Any], ids: Sequence[UUID], reason: str) -> list[UUID]:
    """Make dead letters of tasks that are not done and that nobody works on, and return which those were.

    Args:
        connection: the database.
        ids: which tasks.
        reason: kept as their error.
    """
    rows = connection.execute(
        f"""
        WITH idle AS MATERIALIZED (SELECT id FROM outbox.task WHERE id = ANY (%s) AND {_OPEN} FOR UPDATE SKIP LOCKED)
        UPDATE outbox.task SET dead_at = clock_timestamp(), error = %s
        FROM idle WHERE task.id = idle.id AND pg_try_advisory_xact_lock(hashtextextended(idle.id::text, 1))
        RETURNING task.id
        """,
        (list(ids), storable(reason)),
    )
    return [identifier for (identifier,) in rows]


def redrive(connection: Connection[Any], ids: Iterable[UUID]) -> int:
    """Give dead letters another chance from the start, and return how many those were.

    Celery counts retries in a message's headers, Dramatiq in its body.
    """
    done = connection.execute(
        """
        WITH dead AS MATERIALIZED (
            SELECT id FROM outbox.task WHERE id = ANY (%s) AND dead_at IS NOT NULL FOR UPDATE
        ), settled AS (
            DELETE FROM outbox.setback USING dead WHERE task_id = dead.id
        )
        UPDATE outbox.task SET dead_at = NULL, published_at = NULL, due_at = clock_timestamp(), deaths = 0, retries = 0,
            publications = 0, headers = jsonb_set(headers, '{retries}', '0'), body = CASE engine
                WHEN 'dramatiq' THEN jsonb_set(body::jsonb, '{options,retries}', '0')::text ELSE body
            END
        FROM dead WHERE task.id = dead.id
        """,
        (list(ids),),
    )
    connection.execute(f"NOTIFY {CHANNEL}")
    return done.rowcount


def find_dead(connection: Connection[Any], filters: Mapping[str, str], limit: int) -> list[UUID]:
    """Return the oldest dead letters.

    Args:
        connection: the database.
        filters: ``name`` and ``error``, each a part of the text; an empty one fits all.
        limit: how many at most.
    """
    rows = connection.execute(
        """
        SELECT id FROM outbox.task
        WHERE dead_at IS NOT NULL AND strpos(name, %(name)s) > 0 AND strpos(COALESCE(error, ''), %(error)s) > 0
        ORDER BY dead_at LIMIT %(limit)s
        """,
        {"name": filters.get("name", ""), "error": filters.get("error", ""), "limit": limit},
    )
    return [identifier for (identifier,) in rows]


def overdue(connection: Connection[Any], after: timedelta) -> dict[str, int]:
    """Return how many tasks of each queue were published ``after`` ago and are not completed."""
    rows = connection.execute(
        f"""
        SELECT queue, count(*) FROM outbox.task WHERE {IN_FLIGHT} AND published_at < clock_timestamp() - %s
        GROUP BY queue
        """,
        (after,),
    )
    return dict(rows.fetchall())


def sweep(connection: Connection[Any], queue: str, after: timedelta, limit: int) -> int:
    """Make tasks pending again that were published ``after`` ago, are not completed and that nobody works on.

    A worker holds the lock of the row, or for a long task an advisory lock; both end with its connection. Each time
    the wait doubles, up to 64 times: what is taken for lost by mistake is run once, by the worker that meets it first.
    What came to nothing :data:`MOST_PUBLICATIONS` times is a dead letter: something throws its message away.

    Args:
        connection: the database.
        queue: whose tasks.
        after: how long ago.
        limit: how many at most, the oldest first.

    Returns:
        How many that were.
    """
    done = connection.execute(
        f"""
        WITH lost AS MATERIALIZED (
            SELECT id FROM outbox.task
            WHERE {IN_FLIGHT} AND queue = %s
              AND published_at < clock_timestamp() - %s * power(2, least(greatest(publications, 1) - 1, 6))
            ORDER BY published_at LIMIT %s FOR UPDATE SKIP LOCKED
        )
        UPDATE outbox.task SET
            published_at = CASE WHEN publications < %s THEN NULL ELSE published_at END,
            dead_at = CASE WHEN publications < %s THEN NULL ELSE clock_timestamp() END,
            error = CASE WHEN publications < %s THEN error ELSE
                'it was published ' || publications || ' times, and no run of it ever came to an end' END
        FROM lost WHERE task.id = lost.id AND pg_try_advisory_xact_lock(hashtextextended(lost.id::text, 1))
        """,
        (queue, after, limit, *[MOST_PUBLICATIONS] * 3),
    )
    return done.rowcount


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


def purge(connection: Connection[Any], after: timedelta, limit: int) -> int:
    """Delete tasks that were completed ``after`` ago, and return how many those were."""
    return _purge(connection, "completed_at", after, limit)


def purge_dead(connection: Connection[Any], after: timedelta, limit: int) -> int:
    """Delete dead letters that have been so for ``after``, and return how many those were."""
    return _purge(connection, "dead_at", after, limit)


def _purge(connection: Connection[Any], ended_at: LiteralString, after: timedelta, limit: int) -> int:
    row = connection.execute(
        f"""
        WITH gone AS (
            DELETE FROM outbox.task WHERE id = ANY (ARRAY(
                SELECT id FROM outbox.task WHERE {ended_at} < clock_timestamp() - %s
                ORDER BY {ended_at} LIMIT %s FOR UPDATE SKIP LOCKED
            )) RETURNING id
        ), settled AS (
            DELETE FROM outbox.setback USING gone WHERE task_id = gone.id
        )
        SELECT count(*) FROM gone
        """,
        (after, limit),
    ).fetchone()
    return row[0] if row else 0


def delete_dead(connection: Connection[Any], ids: Iterable[UUID]) -> int:
    """Delete dead letters for good, and return how many those were."""
    row = connection.execute(
        """
        WITH gone AS (DELETE FROM outbox.task WHERE id = ANY (%s) AND dead_at IS NOT NULL RETURNING id), settled AS (
            DELETE FROM outbox.setback USING gone WHERE task_id = gone.id
        )
        SELECT count(*) FROM gone
        """,
        (list(ids),),
    ).fetchone()
    return row[0] if row else 0
