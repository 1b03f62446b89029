"""Statements of relays, which take due tasks, make lost ones pending again, and delete those that ended long ago."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg.rows import class_row

from landfast_outbox.store.rows import CHANNEL, IN_FLIGHT, OPEN, PENDING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from psycopg import Connection

#: The number of publications without an outcome after which a task is a dead letter. The waits between them grow to
#: half an hour (:func:`sweep`), so that is about a day.
MOST_PUBLICATIONS = 50


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


def commit_asynchronously(connection: Connection[Any]) -> None:
    """Let this connection's commits return before they are on the disk.

    Only for a relay: if a crash loses the record that a task was published, the task is published twice, and runs once.
    """
    connection.execute("SET synchronous_commit = off")


def listen(connection: Connection[Any], *, wanted: bool) -> None:
    """Subscribe this connection to notifications of new tasks, or unsubscribe it."""
    connection.execute(f"LISTEN {CHANNEL}" if wanted else f"UNLISTEN {CHANNEL}")


def take(
    connection: Connection[Any],
    limit: int,
    ordered_queues: Sequence[str],
    without: Sequence[str] = (),
    only: str | None = None,
) -> list[Message]:
    """Return due tasks in the order of writing, and record them as published; locked rows are skipped.

    The record comes before the publication, so that no worker ever finds a row that its relay still locks. A relay
    that dies before it publishes leaves tasks that look lost; :func:`sweep` finds them.

    Args:
        connection: the database.
        limit: the most tasks to return.
        ordered_queues: the queues whose ordered tasks only the caller publishes.
        without: queues whose tasks are skipped.
        only: the only queue whose tasks are taken; all queues by default.
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
    """Return the queues whose ordered tasks only this connection publishes while it is open."""
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
    """Make tasks pending again that the broker refused or did not confirm; their due times stay.

    A task that a worker holds by now did arrive, and is skipped.
    """
    connection.execute(
        f"""
        WITH back AS MATERIALIZED (
            SELECT id FROM outbox.task WHERE id = ANY (%s) AND {OPEN} FOR UPDATE SKIP LOCKED
        )
        UPDATE outbox.task SET published_at = NULL, publications = publications - 1
        FROM back WHERE task.id = back.id
        """,
        (list(ids),),
    )


def next_due(connection: Connection[Any], without: Sequence[str] = ()) -> float | None:
    """Return the seconds until the next task is due, negative if it is overdue; None without a task.

    Args:
        connection: the database.
        without: queues whose tasks are skipped.
    """
    row = connection.execute(
        f"""
        SELECT extract(epoch FROM due_at - clock_timestamp())::float8 AS until_due FROM outbox.task
        WHERE {PENDING} AND queue <> ALL (%s) ORDER BY due_at, sequence LIMIT 1
        """,
        (list(without),),
    ).fetchone()
    return row[0] if row else None


def overdue(connection: Connection[Any], after: timedelta) -> dict[str, int]:
    """Return for each queue the number of open tasks that were published at least ``after`` ago."""
    rows = connection.execute(
        f"""
        SELECT queue, count(*) FROM outbox.task WHERE {IN_FLIGHT} AND published_at < clock_timestamp() - %s
        GROUP BY queue
        """,
        (after,),
    )
    return dict(rows.fetchall())


def sweep(connection: Connection[Any], queue: str, after: timedelta, limit: int) -> int:
    """Make open tasks pending again that were published at least ``after`` ago and that no worker runs.

    A worker holds the lock of the row, or for a long task an advisory lock; both end with its connection. The wait
    doubles each time, up to 64 times. A task that is swept by mistake runs once, in the first worker that claims it.
    After :data:`MOST_PUBLICATIONS` publications without a finished run, a task is a dead letter: its messages vanish.

    Args:
        connection: the database.
        queue: the queue.
        after: the time since the publication.
        limit: the most tasks, the oldest first.

    Returns:
        The number of tasks.
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


def purge(connection: Connection[Any], after: timedelta, limit: int) -> int:
    """Delete tasks that were completed at least ``after`` ago, and return their number."""
    return _purge(connection, "completed_at", after, limit)


def purge_dead(connection: Connection[Any], after: timedelta, limit: int) -> int:
    """Delete dead letters that are at least ``after`` old, and return their number."""
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
