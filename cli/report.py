"""The tables that close a test run: time per phase and step, the costs of starts and waits, the slowest tests."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from cli.console import columns
from cli.steps import REPORTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cli.program import Moment
    from cli.steps import Outcome

#: Tests record their starts and waits here, one JSON object per line; ``tests/support/timing.py`` writes the file.
TIMINGS = REPORTS / "timings.jsonl"
SLOWEST_TESTS = 25
#: The steps with the most processor seconds that are shown.
BUSIEST_STEPS = 20


def tables(outcomes: Sequence[Outcome], prepared: Iterable[tuple[str, str]], began: Moment, ended: Moment) -> str:
    """Return the closing tables of a run.

    Args:
        outcomes: the results of all steps.
        prepared: the phases before the first step, each with its time.
        began: when the run began.
        ended: when the last step ended.
    """
    parts = [("Time per phase", phases(outcomes, prepared, began.time, ended.time))]
    worked = None if began.worked is None or ended.worked is None else ended.worked - began.worked
    parts.append(("Processor seconds of the steps' own programs, and of the machine", busiest(outcomes, worked)))
    parts.append(("Starts and waits", waits()))
    parts.append((f"The {SLOWEST_TESTS} slowest tests", slowest(outcomes)))
    return "\n\n".join(f"{title}\n{columns(rows)}" for title, rows in parts if rows)


def phases(
    outcomes: Sequence[Outcome], prepared: Iterable[tuple[str, str]], began: float, ended: float
) -> list[tuple[str, ...]]:
    """Return a row for each phase: its lane, when it began, how long it took. Lanes run side by side."""
    rows: list[tuple[str, ...]] = [("before", name, "", taken.strip()) for name, taken in prepared if name != "all"]
    lanes: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        lanes[outcome.step.lane].append(outcome)
    for lane, members in lanes.items():
        first = min(each.began for each in members)
        last = max(each.began + each.seconds for each in members)
        rows.append((lane, "", f"from {first - began:.0f} s", f"{last - first:.1f} s"))
        rows += [("", each.step.name, "", f"{each.seconds:.1f} s") for each in members if each.step.live]
    return [*rows, ("all", "", "", f"{ended - began:.1f} s = {(ended - began) / 60:.1f} min")]


def busiest(outcomes: Sequence[Outcome], worked: float | None) -> list[tuple[str, ...]]:
    """Return a row for each of the steps that took most of the processors, and one for the whole machine.

    Containers are not the steps' own programs: they count for the machine alone, as does what else it does.
    """
    steps = sorted((each for each in outcomes if not each.before), key=lambda each: -each.processor)
    rows: list[tuple[str, ...]] = [(each.step.name, f"{each.processor:7.1f}") for each in steps[:BUSIEST_STEPS]]
    rows.append(("all steps", f"{sum(each.processor for each in steps):7.1f}"))
    return rows if worked is None else [*rows, ("the machine", f"{worked:7.1f}")]


def waits() -> list[tuple[str, ...]]:
    """Return a row for each recorded kind of start or wait: how often, how long together, the longest."""
    seconds: dict[str, list[float]] = defaultdict(list)
    if TIMINGS.is_file():
        for line in TIMINGS.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            seconds[entry["what"]].append(entry["seconds"])
    ordered = sorted(seconds.items(), key=lambda item: -sum(item[1]))
    return [(what, f"{len(all_)} x", f"{sum(all_):.1f} s", f"longest {max(all_):.1f} s") for what, all_ in ordered]


def slowest(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """Return a row for each of the slowest tests, including their fixtures."""
    cases = sorted((case for outcome in outcomes for case in outcome.cases), key=lambda case: -case.seconds)
    return [(f"{case.seconds:6.1f} s", case.name) for case in cases[:SLOWEST_TESTS]]
