"""Lighthouse's marks for a page, given by the Chromium of the test browser's image on a phone's screen and line."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.support.browser import IMAGE, LIMITS
from tests.support.stack import PREFIX, CommandError, docker
from tests.support.waiting import SLOWNESS

#: Seconds that one look at a page may take; the usual is twelve.
LOOK = 120

#: What the issue asks for in each category.
ENOUGH = 95

#: Performance depends on what else the machine does in the meantime, and only downwards: the best of a few counts.
LOOKS = 3

#: How Lighthouse ends when it could not record the page, for example because Chromium on a busy machine had loaded it
#: before the recording began (NO_NAVSTART and its like in Lighthouse's source, core/lib/lh-error.js).
RECORDING_LOST = "Please run Lighthouse again"

#: Lighthouse plays a phone by making the processor four times slower than this one, and wants the factor set where this
#: one is slow itself (its docs/throttling.md).
PHONE = 4.0

#: The benchmark index of that phone: a quarter of a high-end desktop's, 1,500 to 2,000 (the tables there).
PHONE_INDEX = 1750 / PHONE

#: A look has so many shares of the processors that other containers cannot make them look slower than they are.
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
    """Something that costs a page marks."""

    category: str
    title: str
    value: str
    selectors: tuple[str, ...]

    def __str__(self) -> str:
        """Return one line, with the elements that it is about."""
        return " · ".join(filter(None, [f"{self.category}: {self.title}", self.value, *self.selectors]))


@dataclass(frozen=True)
class Marks:
    """Lighthouse's report on a page.

    Args:
        marks: 0 to 100 for each category.
        faults: why they are not a hundred.
        benchmark_index: how fast the processor was meanwhile, by Lighthouse's own benchmark.
    """

    marks: dict[str, int]
    faults: tuple[Fault, ...]
    benchmark_index: float

    @classmethod
    def parse(cls, report: dict[str, Any]) -> Marks:
        """Return the marks in one of Lighthouse's reports."""
        categories = report["categories"].values()
        return cls(
            {category["id"]: round(100 * (category["score"] or 0)) for category in categories},
            tuple(fault for category in categories for fault in _faults(category, report["audits"])),
            report["environment"]["benchmarkIndex"],
        )

    @property
    def too_low(self) -> dict[str, int]:
        """The categories whose mark is not enough."""
        return {name: mark for name, mark in self.marks.items() if mark < ENOUGH}

    @property
    def slowdown(self) -> float:
        """How many times slower the phone is than the processor was."""
        return min(PHONE, max(1.0, self.benchmark_index / PHONE_INDEX))

    def __str__(self) -> str:
        """Return the marks, the processor's speed, and below them what cost some."""
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
    """Return the marks of one look at a page, on a phone that is ``slowdown`` times slower than the processor."""
    limits = [*LIMITS, f"--cpu-shares={SHARES}"]
    program = ["--env=CHROME_PATH=/usr/bin/chromium", "--entrypoint=lighthouse", IMAGE, url]
    options = ["--quiet", "--output=json", "--output-path=stdout", "--no-enable-error-reporting"]
    options.append(f"--throttling.cpuSlowdownMultiplier={slowdown:g}")
    name = f"{PREFIX}{os.getpid()}-lighthouse"
    flags = f"--chrome-flags={' '.join(FLAGS)}"
    try:
        answer = docker("run", "--rm", "--init", f"--name={name}", *limits, *program, *options, flags, timeout=LOOK)
    finally:  # what took too long is still running
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
    return Marks.parse(json.loads(answer))


def best_look(url: str) -> Marks:
    """Return the first look with enough marks in everything, or the last of a few.

    A look says how fast the processor was, and the next one plays the phone on that.

    Raises:
        CommandError: the last look did not come to marks, or another one failed by more than a recording that was lost.
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
