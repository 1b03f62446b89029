"""One step of a test run: a linter, a type check or a run of pytest; runs it and counts its results."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from cli import passed
from cli.program import Ended, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cli.devenv import Environment

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "tests" / "output"

#: The lane of what needs no Docker: its steps run side by side.
CHECKS = "checks"


@dataclass(frozen=True)
class Step:
    """One command that checks something.

    Args:
        name: ``./stack test NAME`` runs only this step.
        command: the argument list.
        environment: its Python environment; made before the step if it is missing.
        directory: its working directory.
        variables: variables in addition to the process environment.
        targets: for pytest, the files and folders of its tests; none for linters.
        lane: steps of one lane run one after the other, lanes side by side; steps of ``CHECKS`` run side by side too.
        nice: its niceness towards other lanes: the longest lane decides how long a run takes.
        docker: whether it needs Docker.
        live: show the output while it runs, for steps that take minutes.
        then: a second argument list, to run when the first command has passed.
        programs: programs that it calls and a machine may lack, each with its Debian package.
        selection: pytest's options for a run of all targets; a named path runs with all its tests.
        whole: variables only for a run of all targets.
        minutes: how long it takes on two processors, see ``cli.suites``.
        inputs: all files and folders that the result depends on, see ``cli.passed``; if empty, it always runs.
    """

    name: str
    command: tuple[str, ...]
    environment: Environment
    directory: Path = ROOT
    variables: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    lane: str = CHECKS
    nice: int = 19
    docker: bool = False
    live: bool = False
    then: tuple[str, ...] = ()
    programs: Mapping[str, str] = field(default_factory=dict)
    selection: tuple[str, ...] = ()
    whole: Mapping[str, str] = field(default_factory=dict)
    minutes: float = 0
    inputs: tuple[Path, ...] = ()

    @property
    def report(self) -> Path:
        """The file of pytest's result for this step."""
        return REPORTS / f"{self.name}.xml"


@dataclass(frozen=True)
class Case:
    """One test and the seconds that it took, including its fixtures."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """The result of a step.

    Args:
        step: the step.
        passed: how many tests passed, or 1 for a linter.
        failed: how many failed.
        seconds: how long it took.
        began: when it began, in seconds of ``time.monotonic``.
        output: its output, unless that was shown while it ran.
        cases: its tests.
        failures: the names of those that failed.
        before: it has passed on the same files before, and did not run.
        processor: the processor seconds that its programs took; containers are not among them.
    """

    step: Step
    passed: int
    failed: int
    seconds: float
    began: float = 0
    output: str = ""
    cases: tuple[Case, ...] = ()
    failures: tuple[str, ...] = ()
    before: bool = False
    processor: float = 0

    @property
    def line(self) -> str:
        """The result in one line."""
        mark = "failed" if self.failed else "ok"
        tests = f", {self.passed} passed, {self.failed} failed" if self.step.targets else ""
        time_taken = "the same files passed before" if self.before else f"{self.seconds:.1f} s"
        return f"{mark:>7}  {self.step.name}  ({time_taken}{tests})"


@dataclass(frozen=True)
class Counts:
    """The content of one of pytest's XML reports."""

    passed: int
    failed: int
    cases: tuple[Case, ...] = ()
    failures: tuple[str, ...] = ()


def run(step: Step, execute: Callable[[Step, Iterable[str]], Ended]) -> Outcome:
    """Run one step and count what it found.

    Args:
        step: which.
        execute: runs one of its commands and returns how it ended.
    """
    began = time.monotonic()
    command = [*step.command, *step.selection, *step.targets]
    state = passed.digest(ROOT, step.inputs, command) if step.inputs else None
    if passed.before(step.name, state):
        return Outcome(step, 1, 0, 0, began, before=True)
    if step.targets:
        step.report.unlink(missing_ok=True)
        command.append(f"--junit-xml={step.report}")
    status, output, processor = execute(step, command)
    counts = count_tests(step.report) if step.targets else Counts(int(status == 0), 0)
    if status == 0 and step.then:
        status, more, longer = execute(step, step.then)
        output, processor = output + more, processor + longer
    failed = counts.failed
    if status != 0 and not failed:  # a linter, or an error of pytest outside its tests
        failed = 1
    if not failed:
        passed.remember(step.name, state)
    seconds = time.monotonic() - began
    return Outcome(
        step, counts.passed, failed, seconds, began, output, counts.cases, counts.failures, processor=processor
    )


def count_tests(report: Path) -> Counts:
    """Return how many tests passed and failed from pytest's XML report; no report or no test is one failure."""
    try:
        root = ET.parse(report).getroot()  # noqa: S314 - pytest has just written it
    except (OSError, ET.ParseError):
        return Counts(0, 1)
    suites = list(root.iter("testsuite"))
    total, failed, skipped = (
        sum(int(suite.get(key, 0)) for suite in suites for key in keys)
        for keys in (("tests",), ("failures", "errors"), ("skipped",))
    )
    if not total:
        return Counts(0, 1)
    cases, failures = [], []
    for case in root.iter("testcase"):
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        cases.append(Case(name, float(case.get("time", 0))))
        if case.find("failure") is not None or case.find("error") is not None:
            failures.append(name)
    return Counts(max(total - failed - skipped, 0), failed, tuple(cases), tuple(failures))


def start(step: Step, command: Iterable[str]) -> Program:
    """Start one of a step's commands; its output, errors included, comes through a pipe."""
    return Program(
        list(command),
        cwd=step.directory,
        env={**os.environ, **step.variables, **step.whole},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
