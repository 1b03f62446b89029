"""Run steps of checking side by side, show what failed, and count.

A step that passes leaves one line with its time; the output of one that fails is shown in full. Nothing stops at the
first failure: a person wants to see all of them at once.
"""

from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "tests" / "output"


@dataclass(frozen=True)
class Step:
    """One command that checks something.

    Args:
        name: how people call it: ``./stack test NAME`` runs it alone.
        command: the argument list.
        directory: where it runs.
        variables: what it gets on top of the process environment.
        targets: for pytest, the files and folders of its tests; none for linters.
        live: show the output while it runs, for what takes minutes.
        then: a second argument list, to run when the first command has passed.
        programs: what it calls that a machine may lack, each with the Debian package that brings it.
    """

    name: str
    command: tuple[str, ...]
    directory: Path = ROOT
    variables: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    live: bool = False
    then: tuple[str, ...] = ()
    programs: Mapping[str, str] = field(default_factory=dict)

    @property
    def report(self) -> Path:
        """Where pytest leaves its result for this step."""
        return REPORTS / f"{self.name}.xml"


@dataclass(frozen=True)
class Outcome:
    """How a step ended: what it counts for, and its output."""

    step: Step
    passed: int
    failed: int
    seconds: float
    output: str

    @property
    def line(self) -> str:
        """The one line that says how the step went."""
        mark = "failed" if self.failed else "ok"
        tests = f", {self.passed} passed, {self.failed} failed" if self.step.targets else ""
        return f"{mark:>7}  {self.step.name}  ({self.seconds:.1f} s{tests})"


def run(steps: Iterable[Step], at_once: int) -> list[Outcome]:
    """Run the steps, ``at_once`` of them side by side, and print each result when it is there."""
    outcomes = []
    REPORTS.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        for finished in as_completed([pool.submit(run_one, step) for step in steps]):
            outcome = finished.result()
            outcomes.append(outcome)
            if outcome.failed and outcome.output.strip():
                print(f"\n--- {outcome.step.name} " + "-" * 60 + f"\n{outcome.output.rstrip()}\n", flush=True)
            print(outcome.line, flush=True)
    return outcomes


def run_one(step: Step) -> Outcome:
    """Run one step and count what it found."""
    started = time.monotonic()
    command = [*step.command, *step.targets]
    if step.targets:
        step.report.unlink(missing_ok=True)
        command.append(f"--junit-xml={step.report}")
    status, output = execute(step, command)
    passed, failed = count_tests(step.report) if step.targets else (int(status == 0), 0)
    if status == 0 and step.then:
        status, more = execute(step, step.then)
        output += more
    if status != 0 and not failed:  # a linter, or pytest that stumbled outside its tests
        failed = 1
    return Outcome(step, passed, failed, time.monotonic() - started, output)


def execute(step: Step, command: Iterable[str]) -> tuple[int, str]:
    """Run one of the step's commands and return its status and, unless it was shown already, its output."""
    result = subprocess.run(
        list(command),
        cwd=step.directory,
        env={**os.environ, **step.variables},
        stdin=subprocess.DEVNULL,
        stdout=None if step.live else subprocess.PIPE,
        stderr=None if step.live else subprocess.STDOUT,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout or ""


def count_tests(report: Path) -> tuple[int, int]:
    """Return how many tests passed and failed by pytest's XML report; no report or no test is one failure."""
    try:
        suites = list(ET.parse(report).getroot().iter("testsuite"))  # noqa: S314 - as at the import
    except (OSError, ET.ParseError):
        return 0, 1
    total, failed, skipped = (
        sum(int(suite.get(key, 0)) for suite in suites for key in keys)
        for keys in (("tests",), ("failures", "errors"), ("skipped",))
    )
    return (max(total - failed - skipped, 0), failed) if total else (0, 1)
