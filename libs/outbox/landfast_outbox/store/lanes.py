"""Stalled lanes: queues whose tasks wait while none of them ends, although relay and broker work.

A hanging server outside stalls the lane of the tasks that wait for it, and so does a hanging worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from landfast_outbox.store.census import EXACT
from landfast_outbox.store.rows import IN_FLIGHT, PENDING

if TYPE_CHECKING:
    from psycopg import Connection

#: Seconds for which a task may wait while no task of its lane ends.
STANDING = 120.0

_COLUMNS: LiteralString = "id, queue, due_at, created_at, retries, xmax AS locker"

#: A worker that runs a task holds the row's lock, whose transaction is the row's ``xmax``, or the advisory lock of
#: :func:`landfast_outbox.store.hold`. A retried task counts as waiting since it was written: with a server that does
#: not answer, each run ends by its time-out and the next one begins.
_STANDING: LiteralString = f"""
    WITH held AS MATERIALIZED (
        SELECT transactionid, CASE WHEN locktype = 'advisory' THEN classid::bigint << 32 | objid::bigint END AS key
        FROM pg_locks WHERE granted AND (locktype = 'transactionid' OR (locktype = 'advisory' AND objsubid = 1))
    ), opened AS MATERIALIZED (
        (SELECT {_COLUMNS} FROM outbox.task WHERE {PENDING} AND due_at <= clock_timestamp()
         ORDER BY due_at, sequence LIMIT %(exact)s)
        UNION ALL
        (SELECT {_COLUMNS} FROM outbox.task WHERE {IN_FLIGHT} ORDER BY published_at LIMIT %(exact)s)
    ), waiting AS (
        SELECT queue, min(CASE WHEN retries > 0 THEN created_at ELSE due_at END) AS since FROM opened
        WHERE retries > 0 OR NOT EXISTS (
            SELECT FROM held WHERE transactionid = locker OR key = hashtextextended(id::text, 1)
        )
        GROUP BY queue
    )
    SELECT queue, extract(epoch FROM clock_timestamp() - since)::float8 FROM waiting
    WHERE since < clock_timestamp() - make_interval(secs => %(limit)s)
        AND NOT EXISTS (
            SELECT FROM outbox.task WHERE task.queue = waiting.queue
            AND completed_at > clock_timestamp() - make_interval(secs => %(limit)s)
        )
        AND NOT EXISTS (
            SELECT FROM outbox.task WHERE task.queue = waiting.queue
            AND dead_at > clock_timestamp() - make_interval(secs => %(limit)s)
        )
    ORDER BY queue
"""


def standing(connection: Connection[Any], limit: float = STANDING) -> dict[str, float]:
    """Return the stalled queues, with the seconds that the oldest task of each has waited.

    Only the oldest 10,000 tasks of each state are read: no probe ever reads a million rows.

    Args:
        connection: the database.
        limit: seconds for which a task may wait while no task of its queue ends.
    """
    return dict(connection.execute(_STANDING, {"exact": EXACT, "limit": limit}).fetchall())
