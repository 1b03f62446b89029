"""One row of the table: a load, a fault in the midst of it, and the count afterwards."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from secrets import randbits, token_hex
from typing import TYPE_CHECKING

from tests.chaos.books import BACK, open_entries, rate_before, read_books, recent_rate, seconds_until_back
from tests.chaos.faults import preparation
from tests.chaos.load import Load
from tests.support.stack import CommandError
from tests.support.waiting import SLOWNESS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.chaos.books import Books
    from tests.chaos.faults import Fault
    from tests.support.stack import Stack

TITLES = (
    "fault", "accepted", "completed", "lost", "database effects doubled", "external effects doubled", "dead",
    "tasks/s before", "seconds until the rate was back",
)  # fmt: skip


#: Seconds that a stack may take until it does what is asked of it: the first requests after a start are slow, and a
#: machine may be slower than the load.
WARM_UP = 30

#: Seconds without a change after which nothing will change any more, where nothing is published again.
STANDSTILL = 20


@dataclass(frozen=True)
class Plan:
    """How much is done in a row.

    Args:
        tasks: how many are to be accepted at least.
        rate: requests a second.
        warm: seconds of load before the fault.
        calm: seconds of load after it, at least.
        lasts: the longest that a fault is kept up.
        settle: seconds until all that was accepted must be over.
        longest: seconds that the load goes on at most until enough is accepted, and then until the rate is back.
        work: seconds that each task takes.
        seed: of the random faults.
        short: whether it is the form that a continuous integration has time for.
        faults: the names of those that were asked for; none for all of the form.
    """

    tasks: int
    rate: float
    warm: float
    calm: float
    lasts: float
    settle: float
    longest: float
    seed: int
    short: bool = False
    faults: tuple[str, ...] = ()
    work: float = 0.0

    @classmethod
    def from_environment(cls) -> Plan:
        """Return the long form's plan or, with ``CHAOS_FORM=short``, the short one's.

        A slower machine gets less load and more time, both by the factor that was measured.
        """
        seed = int(os.environ.get("CHAOS_SEED") or randbits(32))
        short = os.environ.get("CHAOS_FORM") == "short"
        # Side by side with other tests the short form's load is one that leaves them some of the processors.
        rate = float(os.environ.get("CHAOS_RATE") or (30 if short else 100) / SLOWNESS)
        tasks = int(os.environ.get("CHAOS_TASKS") or (300 if short else 5000) / SLOWNESS)
        faults = tuple(filter(None, os.environ.get("CHAOS_FAULTS", "").split(",")))
        if short:
            return cls(tasks, rate, 4, 3, 6, 180 * SLOWNESS, 120 * SLOWNESS, seed, short, faults)
        return cls(tasks, rate, 6, 10, 30, 420 * SLOWNESS, 240 * SLOWNESS, seed, short, faults)


@dataclass(frozen=True)
class Row:
    """What one run came to."""

    fault: str
    run: str
    load: Load
    books: Books
    before: float
    back: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as the table shows it."""
        books = self.books
        counts = (
            len(books.accepted),
            len(books.done),
            len(books.lost),
            books.doubled,
            books.doubled_outside,
            len(books.dead),
        )
        back = "never" if self.back is None else f"{self.back:.1f}"
        return (self.fault, *map(str, counts), f"{self.before:.0f}", back)


def run_row(stack: Stack, fault: Fault, plan: Plan, *, patient: bool = True) -> Row:
    """Put a load on the stack, let the fault strike, wait until what was accepted is over, and count.

    Args:
        stack: whole before, and made whole by the caller after.
        fault: what goes wrong.
        plan: how much of it.
        patient: whether all must be over at last; else what is open when nothing moves any more counts as lost.
    """
    run = f"{fault.name}.{token_hex(4)}"
    load = Load(stack.ports.http, run, plan.rate, plan.work, fault.engine)
    with preparation(fault, stack):
        load.start()
        try:
            wait_until(lambda: time.time() - load.started > plan.warm, plan.warm + 60, "the load to get under way")
            wait_for_rate(stack, run, BACK * plan.rate, WARM_UP)
            usual = min(recent_rate(stack, run), plan.rate)
            struck = time.time()
            fault.strike(stack, min(fault.lasts, plan.lasts))
            lifted = time.time()
            wait_until(
                lambda: len(load.accepted) >= plan.tasks and time.time() > lifted + plan.calm,
                plan.longest,
                f"{plan.tasks} entries to be accepted",
                patience=1,
            )
            wait_for_rate(stack, run, BACK * usual, plan.longest)
        finally:
            load.stop()
        ended = time.time()
        wait_over(stack, run, plan.settle, patient=patient)
    books = read_books(stack, run, load.accepted)
    before = min(rate_before(books.moments, struck), plan.rate)
    back = seconds_until_back(books.moments, before, struck, lifted, max([ended, *books.moments]))
    return Row(fault.name, run, load, books, before, back)


def wait_for_rate(stack: Stack, run: str, rate: float, seconds: float) -> None:
    """Wait until so many tasks a second are completed, or for so long as it is worth."""
    deadline = time.monotonic() + seconds

    def is_there() -> bool:
        try:
            return recent_rate(stack, run) >= rate or time.monotonic() > deadline
        except CommandError:  # the database is not there yet
            return time.monotonic() > deadline

    wait_until(is_there, seconds + WARM_UP, f"{rate:g} tasks/s", interval=1)


def wait_over(stack: Stack, run: str, seconds: float, *, patient: bool) -> None:
    """Wait until nothing that was accepted is open.

    Args:
        stack: where.
        run: which.
        seconds: how long at most.
        patient: whether to wait on while nothing changes: what the sweeper finds takes its time.
    """
    fewest, since = math.inf, time.monotonic()

    def is_over() -> bool:
        nonlocal fewest, since
        try:
            left = open_entries(stack, run)
        except CommandError:  # the database is not there yet
            return False
        if left < fewest:
            fewest, since = left, time.monotonic()
        return left == 0 or (not patient and time.monotonic() - since > STANDSTILL)

    try:
        wait_until(is_over, seconds, "all tasks to be over", interval=1, patience=1)
    except AssertionError:
        print(f"  {fewest} tasks are open after {seconds:g} s", flush=True)


def as_markdown(rows: Iterable[Sequence[str]]) -> str:
    """Return the table."""
    lines = [TITLES, ("---", *("---:" for _ in TITLES[1:])), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def window(rows: Iterable[Row]) -> str:
    """Return how long a crash may fall between an effect outside and its record, and so repeat the effect."""
    seconds = sorted(each for row in rows for each in row.books.window_outside)
    if not seconds:
        return ""
    middle, rare = seconds[len(seconds) // 2], seconds[len(seconds) * 99 // 100]
    return (
        f"From an effect outside to the record that it happened: p50 {middle * 1000:.1f} ms, p99 {rare * 1000:.1f} ms, "
        f"at most {seconds[-1] * 1000:.0f} ms, in {len(seconds)} tasks.\n"
    )
