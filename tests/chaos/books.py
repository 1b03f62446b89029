"""Adding up: what was accepted, what came of it, and how often."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.support.stack import Stack

#: What is accepted and neither done nor given up.
OPEN = """
    SELECT count(*) FROM chaos.accepted WHERE run = '{run}'
    AND NOT EXISTS (SELECT FROM chaos.effect WHERE effect.entry = accepted.entry)
    AND NOT EXISTS (SELECT FROM outbox.task WHERE task.id = accepted.task AND dead_at IS NOT NULL)
"""
ACCEPTED = "SELECT entry FROM chaos.accepted WHERE run = '{run}'"
DEAD = """
    SELECT entry FROM chaos.accepted JOIN outbox.task ON task.id = accepted.task
    WHERE run = '{run}' AND dead_at IS NOT NULL
"""
EFFECTS = "SELECT entry, extract(epoch FROM at) FROM chaos.effect WHERE run = '{run}' ORDER BY at"
COMPLETED = """
    SELECT entry, extract(epoch FROM completed_at) FROM chaos.accepted JOIN outbox.task ON task.id = accepted.task
    WHERE run = '{run}' AND completed_at IS NOT NULL
"""

RECENT = "SELECT count(*) FROM chaos.effect WHERE run = '{run}' AND at > now() - interval '{seconds} s'"

#: A rate counts over so many seconds, and is back at so much of what it was before.
WINDOW, BACK = 3.0, 0.8


@dataclass(frozen=True)
class Books:
    """What the ledger says of one run; the recorder's part is what happened outside.

    Args:
        accepted: entries of which the client or the database knows that they were accepted.
        effects: the moments at which each entry was booked.
        outside: the moments at which the recorder was told of each.
        dead: entries whose task was given up.
        completed: the moment at which each entry's task was recorded as done.
    """

    accepted: frozenset[str]
    effects: Sequence[tuple[str, float]]
    outside: Sequence[tuple[str, float]]
    dead: frozenset[str]
    completed: Sequence[tuple[str, float]]

    @property
    def done(self) -> frozenset[str]:
        """Entries that were booked, and of which the recorder was told."""
        return frozenset(entry for entry, _ in self.effects) & frozenset(entry for entry, _ in self.outside)

    @property
    def lost(self) -> frozenset[str]:
        """Entries that were accepted, and are neither done nor shown to anybody as given up."""
        return self.accepted - self.done - self.dead

    @property
    def doubled(self) -> int:
        """Effects in the database that are there once more than they should."""
        return surplus(self.effects)

    @property
    def doubled_outside(self) -> int:
        """Effects outside that happened once more than they should."""
        return surplus(self.outside)

    @property
    def moments(self) -> list[float]:
        """When something was completed."""
        return sorted(moment for _, moment in self.effects)

    @property
    def window_outside(self) -> list[float]:
        """Seconds from each effect outside to its record, sorted: a crash in between repeats the effect."""
        told = dict(self.outside)
        return sorted(moment - told[entry] for entry, moment in self.completed if entry in told)


def surplus(happened: Iterable[tuple[str, float]]) -> int:
    """Return how many of the happenings are repetitions."""
    return sum(times - 1 for times in Counter(entry for entry, _ in happened).values())


def rate_before(moments: Sequence[float], struck: float) -> float:
    """Return completions a second right before the fault."""
    return sum(struck - WINDOW <= moment < struck for moment in moments) / WINDOW


def seconds_until_back(
    moments: Sequence[float], before: float, struck: float, lifted: float, until: float
) -> float | None:
    """Return the seconds from a fault until completions a second were at 80 % of what they were before.

    Args:
        moments: of completions.
        before: completions a second before the fault.
        struck: when the fault began.
        lifted: when it was over, or when all was done that somebody has to do about it.
        until: when the load ended, or the last completion was, if that came later.

    Returns:
        The seconds; 0 if the rate never fell, None if it did not come back.
    """

    def fine(begin: float) -> bool:
        return sum(begin <= moment < begin + WINDOW for moment in moments) >= BACK * before * WINDOW

    steps = [struck + 0.5 * step for step in range(int(max(until - WINDOW - struck, 0) / 0.5))]
    if all(fine(step) for step in steps if step <= lifted + WINDOW):
        return 0.0
    return next((round(step - struck, 1) for step in steps if step >= lifted and fine(step)), None)


def query(stack: Stack, statement: str) -> list[list[str]]:
    """Return what the database says, asked as its superuser inside the container."""
    said = stack.execute(
        "postgres", "psql", "--no-psqlrc", "--csv", "--tuples-only", "--command", statement, "landfast"
    )
    return list(csv.reader(io.StringIO(said)))


def open_entries(stack: Stack, run: str) -> int:
    """Return how many entries of a run are accepted and neither done nor given up."""
    return int(query(stack, OPEN.format(run=run))[0][0])


def recent_rate(stack: Stack, run: str) -> float:
    """Return completions a second in the last moments."""
    return int(query(stack, RECENT.format(run=run, seconds=WINDOW))[0][0]) / WINDOW


def read_books(stack: Stack, run: str, answered: Iterable[str]) -> Books:
    """Return the books of a run.

    Args:
        stack: where.
        run: which.
        answered: the entries that clients know to be accepted.
    """
    lines = stack.execute("recorder", "cat", "/var/lib/recorder/lines").splitlines()
    told = [line.split() for line in lines]
    return Books(
        accepted=frozenset(answered) | {entry for (entry,) in query(stack, ACCEPTED.format(run=run))},
        effects=_moments(query(stack, EFFECTS.format(run=run))),
        outside=[(entry, float(moment)) for moment, of, entry, _ in told if of == run],
        dead=frozenset(entry for (entry,) in query(stack, DEAD.format(run=run))),
        completed=_moments(query(stack, COMPLETED.format(run=run))),
    )


def _moments(rows: Iterable[list[str]]) -> list[tuple[str, float]]:
    return [(entry, float(moment)) for entry, moment in rows]
