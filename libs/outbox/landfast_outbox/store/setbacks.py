"""Tasks that could not run through no fault of their own, and tasks that may have taken effect outside.

Statements on ``outbox.setback``, a separate table, to which others can write while a run holds its task's row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from landfast_outbox.store.rows import IN_FLIGHT, storable

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg import Connection


@dataclass(frozen=True)
class Patience:
    """The delays of a task that is put off, and their number.

    Args:
        first: seconds of the first delay; doubled each time.
        longest: seconds of the longest delay.
        times: the number of delays; after them the task is a dead letter.
    """

    first: float
    longest: float
    times: int


#: For a task that is unknown to the worker: during a rollout, old workers get new callers' tasks. 75 minutes.
UNKNOWN = Patience(first=10.0, longest=300.0, times=20)

#: For a run that the database failed (a deadlock, a time-out, a lost connection). The body has run each time, so the
#: number is small. 8 minutes are enough, because a worker waits for the end of a longer outage before the body.
INTERRUPTED = Patience(first=1.0, longest=300.0, times=10)


class PutOff(NamedTuple):
    """The outcome for a task that could not run: it waits for some seconds, or is a dead letter."""

    dead: bool
    wait: float


def put_off(connection: Connection[Any], identifier: UUID, patience: Patience, error: str) -> PutOff | None:
    """Make an in-flight task that no worker runs pending again, or a dead letter after too many times.

    Args:
        connection: the database.
        identifier: the task's id.
        patience: the delays.
        error: the reason why it could not run.

    Returns:
        The outcome; None if the task is not in flight, or another worker runs it.
    """
    row = connection.execute(
        f"""
        WITH idle AS MATERIALIZED (
            SELECT id FROM outbox.task WHERE id = %(id)s AND {IN_FLIGHT} FOR UPDATE SKIP LOCKED
        ), counted AS (
            INSERT INTO outbox.setback AS known (task_id, times)
            SELECT id, 1 FROM idle WHERE pg_try_advisory_xact_lock(hashtextextended(id::text, 1))
            ON CONFLICT (task_id) DO UPDATE SET times = known.times + 1
            RETURNING task_id, times > %(times)s AS too_often,
                least(%(first)s * power(2, least(times - 1, 30)), %(longest)s)::float8 AS wait
        )
        UPDATE outbox.task SET error = %(error)s,
            dead_at = CASE WHEN too_often THEN clock_timestamp() END,
            published_at = CASE WHEN too_often THEN published_at END,
            due_at = CASE WHEN too_often THEN due_at ELSE clock_timestamp() + make_interval(secs => wait) END
        FROM counted WHERE task.id = counted.task_id
        RETURNING too_often, wait
        """,
        {
            "id": identifier,
            "times": patience.times,
            "first": patience.first,
            "longest": patience.longest,
            "error": storable(error),
        },
    ).fetchone()
    return PutOff(*row) if row else None


def mark_uncertain(connection: Connection[Any], identifier: UUID) -> None:
    """Record that from now on a task may have taken effect outside the database, whatever the outcome of its run."""
    connection.execute(
        """
        INSERT INTO outbox.setback (task_id, uncertain_since) VALUES (%s, clock_timestamp())
        ON CONFLICT (task_id) DO UPDATE SET uncertain_since = clock_timestamp()
        """,
        (identifier,),
    )
