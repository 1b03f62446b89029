"""Interleaved rounds: in each, all cases are measured once, in an order of its own."""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from tests.bench.run import Run

Case = TypeVar("Case", bound="Hashable")
Found = TypeVar("Found")


@dataclass
class Progress:
    """A line on the terminal that counts measurements; elsewhere a line for each tenth.

    Args:
        total: how many there will be.
        what: their common name.
    """

    total: int
    what: str
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def step(self, text: str) -> None:
        """Count a measurement."""
        self.done += 1
        left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        line = f"{self.what}: {self.done} of {self.total}, {left / 60:.0f} min left: {text}"
        if sys.stderr.isatty():
            end = "\n" if self.done == self.total else ""
            print(f"\r\033[K{line}", end=end, file=sys.stderr, flush=True)
        elif self.done % max(1, self.total // 10) == 0:
            print(line, file=sys.stderr, flush=True)


def interleaved(
    cases: Sequence[Case], run: Run, what: str, measure: Callable[[Case], Found]
) -> dict[Case, list[Found]]:
    """Measure all cases in each round, and return what was found of each, in the order of the rounds.

    Args:
        cases: the cases.
        run: has the number of rounds, and the seed of the order within them.
        what: their common name, for the progress.
        measure: measures a case.
    """
    order = random.Random(run.options.seed)  # noqa: S311 - no secret
    progress = Progress(len(cases) * run.rounds, what)
    found: dict[Case, list[Found]] = {case: [] for case in cases}
    for _ in range(run.rounds):
        for case in order.sample(cases, len(cases)):
            found[case].append(measure(case))
            progress.step(str(case))
    return found
