"""Tasks that could not run through no fault of their own, and those that may have taken effect outside.

Statements on ``outbox.setback``, a table beside the tasks: a run holds its task's row, and writes here all the same.
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
    """How long a task is put off, and how often.

    Args:
        first: seconds to wait the first time; each time doubles it.
        longest: seconds to wait at most.
        times: so often it is put off; then it is a dead letter.
    """

    first: float
    longest: float
    times: int


#: For a worker that does not know the task: while a release rolls out, old workers get new callers' tasks. 75 minutes.
UNKNOWN = Patience(first=10.0, longest=300.0, times=20)

#: For a run that the database failed (a deadlock, a time-out, a lost connection). Each time the body has run: so there
#: are few of them. 8 minutes, as an outage that lasts is waited for before the body.
INTERRUPTED = Patience(first=1.0, longest=300.0, times=10)


class PutOff(NamedTuple):
    """What became of a task that could not run: it waits for some seconds, or is a dead letter."""

    dead: bool
    wait: float


def put_off(connection: Connection[Any], identifier: UUID, patience: Patience, error: str) -> PutOff | None:
    """Make a task pending again that is in flight and that nobody works on; a dead letter, once it was so too often.

    Args:
        connection: the database.
        identifier: which task.
        patience: how long it waits, and how often.
        error: why it could not run.

    Returns:
        What became of it; None if it is not in flight, or somebody else works on it.
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
    """Record that from now on a task may have taken effect outside the database, whatever becomes of its run."""
    connection.execute(
        """
        INSERT INTO outbox.setback (task_id, uncertain_since) VALUES (%s, clock_timestamp())
        ON CONFLICT (task_id) DO UPDATE SET uncertain_since = clock_timestamp()
        """,
        (identifier,),
    )
