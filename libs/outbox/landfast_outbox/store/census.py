"""Numbers of tasks, for operators, metrics and readiness.

The queries stay fast: of a million tasks only as many are read as take some milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg.rows import class_row

from landfast_outbox.store.rows import IN_FLIGHT, PENDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

#: The most tasks of one state that are counted exactly: counting a million would take a second.
EXACT = 10_000

#: The most waiting tasks, in the order of their due times, whose errors are read.
RETRIED = 1000


@dataclass(frozen=True)
class Counts:
    """Numbers of tasks, and the waiting times.

    Args:
        pending: tasks that no relay has published, due or not.
        in_flight: published tasks, neither completed nor dead.
        done: completed tasks that are not purged yet.
        dead: dead letters.
        oldest_pending: seconds for which the oldest due task has waited to be published.
        since_published: seconds since the last publication of a known task; None if there was none.
    """

    pending: int
    in_flight: int
    done: int
    dead: int
    oldest_pending: float
    since_published: float | None

    @property
    def stalled(self) -> float:
        """Seconds for which tasks were due and none at all was published; a long backlog alone is no stall."""
        if self.since_published is None:
            return self.oldest_pending
        return min(self.oldest_pending, self.since_published)


def counts(connection: Connection[Any], exact: int = EXACT, queues: Sequence[str] | None = None) -> Counts:
    """Return the number of tasks in each state, and the waiting times.

    Args:
        connection: the database.
        exact: the most tasks to count exactly; larger numbers are the server's last estimate from the index.
        queues: the queues whose tasks count for the waiting time; all by default.
    """
    with connection.cursor(row_factory=class_row(Counts)) as cursor:
        cursor.execute(_COUNTS, {"exact": exact, "queues": None if queues is None else list(queues)})
        row = cursor.fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return row


def retried(connection: Connection[Any]) -> dict[str, int]:
    """Return the number of tasks that wait for a retry, by the kind of error: ``SMTPAuthenticationError`` -> 4.

    Only the first :data:`RETRIED` by due time count; the texts of the errors are for the log and the admin.
    """
    rows = connection.execute(
        rf"""
        SELECT kind, count(*) FROM (
            SELECT substring(error FROM '^([A-Za-z_][A-Za-z0-9_]{{0,63}})\(') AS kind
            FROM (SELECT error FROM outbox.task WHERE {PENDING} ORDER BY due_at LIMIT %s) AS waiting
        ) AS failed WHERE kind IS NOT NULL GROUP BY kind ORDER BY kind
        """,
        (RETRIED,),
    )
    return dict(rows.fetchall())


def due(connection: Connection[Any], longer: float) -> dict[str, float]:
    """Return the queues whose tasks are due and not published, with the seconds that the oldest task of each waits.

    Only the oldest :data:`EXACT` due tasks count.

    Args:
        connection: the database.
        longer: seconds for which a task must have been due.
    """
    rows = connection.execute(
        f"""
        SELECT queue, extract(epoch FROM clock_timestamp() - min(due_at))::float8 AS seconds FROM (
            SELECT queue, due_at FROM outbox.task
            WHERE {PENDING} AND due_at < clock_timestamp() - make_interval(secs => %s) ORDER BY due_at LIMIT %s
        ) AS waiting GROUP BY queue ORDER BY seconds DESC, queue
        """,
        (longer, EXACT),
    )
    return dict(rows.fetchall())


def _count(state: LiteralString, index: LiteralString, column: LiteralString) -> LiteralString:
    """Return a subquery that counts the tasks of a state with the partial index of that state."""
    return f"""(
        SELECT CASE WHEN found < %(exact)s THEN found ELSE greatest(found, (
            SELECT reltuples::bigint FROM pg_class WHERE oid = 'outbox.{index}'::regclass
        )) END FROM (
            SELECT count(*) AS found
            FROM (SELECT FROM outbox.task WHERE {state} ORDER BY {column} LIMIT %(exact)s) AS counted
        ) AS total
    )"""


_COUNTS: LiteralString = f"""
    SELECT
        {_count(PENDING, "task_pending", "due_at")} AS pending,
        {_count(IN_FLIGHT, "task_in_flight", "published_at")} AS in_flight,
        {_count("completed_at IS NOT NULL", "task_completed", "completed_at")} AS done,
        {_count("dead_at IS NOT NULL", "task_dead", "dead_at")} AS dead,
        (SELECT COALESCE(greatest(0, extract(epoch FROM clock_timestamp() - min(due_at))), 0)::float8
         FROM outbox.task WHERE {PENDING} AND queue = ANY (COALESCE(%(queues)s, ARRAY[queue]))) AS oldest_pending,
        extract(epoch FROM clock_timestamp() - greatest(
            (SELECT max(published_at) FROM outbox.task WHERE {IN_FLIGHT}),
            (SELECT published_at FROM outbox.task WHERE completed_at IS NOT NULL ORDER BY completed_at DESC LIMIT 1),
            (SELECT published_at FROM outbox.task WHERE dead_at IS NOT NULL ORDER BY dead_at DESC LIMIT 1)
        ))::float8 AS since_published
"""
