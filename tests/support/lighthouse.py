"""Lighthouse's scores for a page, with the Chromium of the test browser's image, on a phone's screen and connection."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.support.browser import IMAGE, LIMITS
from tests.support.stack import PREFIX, CommandError, docker
from tests.support.waiting import SLOWNESS

#: Seconds that one measurement of a page may take; twelve are usual.
LOOK = 120

#: The lowest accepted score in each category.
ENOUGH = 95

#: Other work on the machine can only lower the score for performance, so the best of a few measurements counts.
LOOKS = 3

#: Lighthouse's error if it could not record the page, for example because Chromium on a busy machine had loaded it
#: before the recording began (NO_NAVSTART and similar errors in Lighthouse's source, core/lib/lh-error.js).
RECORDING_LOST = "Please run Lighthouse again"

#: Lighthouse simulates a phone by a processor that is four times slower than this one. On a slow machine the factor
#: must be set (its docs/throttling.md).
PHONE = 4.0

#: The benchmark index of that phone: a quarter of a high-end desktop's, 1,500 to 2,000 (the tables there).
PHONE_INDEX = 1750 / PHONE

#: The CPU shares of a measurement: so many that other containers do not distort it.
SHARES = 8192

FLAGS = (
    "--headless",
    "--no-sandbox",  # the container is one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--proxy-server=direct://",
)


@dataclass(frozen=True)
class Fault:
    """A fault that lowers a page's score."""

    category: str
    title: str
    value: str
    selectors: tuple[str, ...]

    def __str__(self) -> str:
        """Return one line, with the elements concerned."""
        return " · ".join(filter(None, [f"{self.category}: {self.title}", self.value, *self.selectors]))


@dataclass(frozen=True)
class Marks:
    """Lighthouse's report on a page.

    Args:
        marks: the score from 0 to 100 for each category.
        faults: the reasons for scores below 100.
        benchmark_index: the processor's speed during the run, by Lighthouse's own benchmark.
    """

    marks: dict[str, int]
    faults: tuple[Fault, ...]
    benchmark_index: float

    @classmethod
    def parse(cls, report: dict[str, Any]) -> Marks:
        """Return the scores from one of Lighthouse's reports."""
        categories = report["categories"].values()
        return cls(
            {category["id"]: round(100 * (category["score"] or 0)) for category in categories},
            tuple(fault for category in categories for fault in _faults(category, report["audits"])),
            report["environment"]["benchmarkIndex"],
        )

    @property
    def too_low(self) -> dict[str, int]:
        """The categories whose score is too low."""
        return {name: mark for name, mark in self.marks.items() if mark < ENOUGH}

    @property
    def slowdown(self) -> float:
        """How many times slower than the processor the simulated phone must be."""
        return min(PHONE, max(1.0, self.benchmark_index / PHONE_INDEX))

    def __str__(self) -> str:
        """Return the scores, the processor's speed, and below them the faults."""
        heading = f"{self.marks}, benchmark index {self.benchmark_index:g}"
        return "\n".join([heading, *(f"  {fault}" for fault in self.faults)])


def _faults(category: dict[str, Any], audits: dict[str, Any]) -> list[Fault]:
    counted = [audits[reference["id"]] for reference in category["auditRefs"] if reference["weight"]]
    return [
        Fault(category["id"], audit["title"], audit.get("displayValue", ""), _selectors(audit))
        for audit in counted
        if audit["score"] is not None and audit["score"] < 1
    ]


def _selectors(audit: dict[str, Any]) -> tuple[str, ...]:
    items = audit.get("details", {}).get("items", [])
    nodes = [item["node"] for item in items if isinstance(item.get("node"), dict)]
    return tuple(node["selector"] for node in nodes[:5])


def look(url: str, slowdown: float) -> Marks:
    """Return the scores of one measurement of a page, on a phone ``slowdown`` times slower than the processor."""
    limits = [*LIMITS, f"--cpu-shares={SHARES}"]
    program = ["--env=CHROME_PATH=/usr/bin/chromium", "--entrypoint=lighthouse", IMAGE, url]
    options = ["--quiet", "--output=json", "--output-path=stdout", "--no-enable-error-reporting"]
    options.append(f"--throttling.cpuSlowdownMultiplier={slowdown:g}")
    name = f"{PREFIX}{os.getpid()}-lighthouse"
    flags = f"--chrome-flags={' '.join(FLAGS)}"
    try:
        answer = docker("run", "--rm", "--init", f"--name={name}", *limits, *program, *options, flags, timeout=LOOK)
    finally:  # after a time-out the container still runs
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
    return Marks.parse(json.loads(answer))


def best_look(url: str) -> Marks:
    """Return the first measurement with all scores high enough, or the last of a few.

    A measurement includes the processor's speed, and the next one sets the phone's slowdown accordingly.

    Raises:
        CommandError: the last measurement failed, or an earlier one failed for another reason than a lost recording.
    """
    slowdown = max(1.0, PHONE / SLOWNESS)
    for _ in range(LOOKS - 1):
        try:
            marks = look(url, slowdown)
        except CommandError as error:
            if RECORDING_LOST not in str(error):
                raise
        else:
            if not marks.too_low:
                return marks
            slowdown = marks.slowdown
    return look(url, slowdown)
