"""A readiness check: do committed tasks leave the outbox?"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import psycopg
from landfast_runtime.health import CHECK_TIMEOUT, Impaired, Unavailable, asked_through

from landfast_outbox.databases import OWN_NAMES
from landfast_outbox.store import census, lanes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from landfast_runtime.connections import Postgres
    from landfast_runtime.health import Check, Details

    from landfast_outbox.store.census import Counts

#: The port of a relay's /metrics and /healthz, on the containers' network only.
METRICS_PORT = 9100

#: Seconds for which tasks may be due while no task at all is published. A relay publishes within milliseconds, and
#: waits for the confirms of a batch for 10 s at most (:data:`landfast_outbox.publisher.CONFIRM_TIMEOUT`), so three
#: batches in a row have failed by then. A long backlog that shrinks is no stall, however old its oldest task.
STALLED = 30.0

#: Seconds after which the oldest due task has waited too long even if others are published: a relay publishes a hundred
#: thousand tasks in less.
OVERDUE = 300.0


def check(postgres: Postgres) -> Check:
    """Return a check that fails while tasks are due and none is published; it reports the numbers of tasks."""

    def asked() -> Details:
        with (
            asked_through("PostgreSQL"),
            psycopg.connect(
                **postgres.parameters,
                application_name="readiness",
                connect_timeout=int(CHECK_TIMEOUT),
                options=f"{OWN_NAMES} -c statement_timeout={CHECK_TIMEOUT:.0f}s",
                autocommit=True,
            ) as connection,
        ):
            counts, standing = census.counts(connection), lanes.standing(connection)
            retried = census.retried(connection)
            due = census.due(connection, STALLED) if counts.oldest_pending > STALLED else {}
        return report(counts, standing, retried, due)

    return asked


def report(
    counts: Counts,
    standing: Mapping[str, float],
    retried: Mapping[str, int] = MappingProxyType({}),
    due: Mapping[str, float] = MappingProxyType({}),
) -> Details:
    """Return the numbers of tasks.

    Args:
        counts: the number of tasks in each state.
        standing: the stalled lanes, with the seconds that the oldest task of each has waited.
        retried: the number of tasks that wait for a retry, by the kind of error. A task's own error is no failure of
            the outbox: `status` and the doctor show it.
        due: the queues whose tasks are due and not published, with the seconds that the oldest task of each waits. A
            queue that is missing or full is among them.

    Raises:
        Impaired: a lane is stalled. Everything else works, and the cause is often a server outside; a deploy that
            mends it must not be refused because of it.
        Unavailable: due tasks wait for too long.
    """
    details: Details = {
        "pending": counts.pending,
        "in_flight": counts.in_flight,
        "dead": counts.dead,
        "oldest_pending_seconds": round(counts.oldest_pending, 1),
        **{f"retried_after_{kind}": number for kind, number in retried.items()},
    }
    if counts.stalled > STALLED:
        problem = f"tasks are due, and none was published for {counts.stalled:.0f} s"
        raise Unavailable(problem + _queues(", for: ", due), details)
    if counts.oldest_pending > OVERDUE:
        problem = f"the oldest task has been due for {counts.oldest_pending:.0f} s"
        raise Unavailable(problem + _queues(", for: ", due), details)
    if standing:
        raise Impaired(_queues("tasks wait, and none ends, in: ", standing), details)
    return details


def _queues(before: str, waiting: Mapping[str, float]) -> str:
    """Return the names of queues, each with the time that its oldest task waits; an empty string without any."""
    found = ", ".join(f"{queue} (its oldest task waits for {seconds:.0f} s)" for queue, seconds in waiting.items())
    return before + found if found else ""
