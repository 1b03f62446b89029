"""Statements of operators: dead letters are found, re-driven and deleted, and tasks are given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from landfast_outbox.store.rows import CHANNEL, OPEN, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg import Connection


@dataclass(frozen=True)
class DeadLetter:
    """A task that is not retried any more, with its error."""

    id: UUID
    name: str
    engine: str
    queue: str
    body: str
    created_at: datetime
    dead_at: datetime
    publications: int
    retries: int
    deaths: int
    error: str


def find_dead(connection: Connection[Any], filters: Mapping[str, str], limit: int) -> list[UUID]:
    """Return the oldest dead letters.

    Args:
        connection: the database.
        filters: ``name`` and ``error``, each a part of the text; an empty one matches all.
        limit: the most dead letters to return.
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


def read_dead(connection: Connection[Any], ids: Sequence[UUID]) -> list[DeadLetter]:
    """Return the dead letters among the tasks, the oldest first."""
    with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        cursor.execute(
            """
            SELECT id, name, engine, queue, body, created_at, dead_at, publications, retries, deaths,
                COALESCE(error, '') AS error
            FROM outbox.task WHERE id = ANY (%s) AND dead_at IS NOT NULL ORDER BY dead_at
            """,
            (list(ids),),
        )
        return cursor.fetchall()


def redrive(connection: Connection[Any], ids: Iterable[UUID]) -> int:
    """Re-drive dead letters, with their retries at zero, and return their number.

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


def delete_dead(connection: Connection[Any], ids: Iterable[UUID]) -> int:
    """Delete dead letters for good, and return their number."""
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


def discard(connection: Connection[Any], ids: Sequence[UUID], reason: str) -> list[UUID]:
    """Make dead letters of tasks that are not done and that no worker runs, and return their ids.

    Args:
        connection: the database.
        ids: the tasks' ids.
        reason: the dead letters' error.
    """
    rows = connection.execute(
        f"""
        WITH idle AS MATERIALIZED (SELECT id FROM outbox.task WHERE id = ANY (%s) AND {OPEN} FOR UPDATE SKIP LOCKED)
        UPDATE outbox.task SET dead_at = clock_timestamp(), error = %s
        FROM idle WHERE task.id = idle.id AND pg_try_advisory_xact_lock(hashtextextended(idle.id::text, 1))
        RETURNING task.id
        """,
        (list(ids), storable(reason)),
    )
    return [identifier for (identifier,) in rows]
