"""The dated result file of a long test run, from which a stopped run continues."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.console import StackError
from cli.settings import ROOT
from cli.steps import REPORTS

if TYPE_CHECKING:
    from cli.steps import Outcome

RESULTS = REPORTS / "results"


@dataclass
class Row:
    """The result of one step in the file."""

    step: str
    passed: int
    failed: int
    minutes: float
    ended: str
    failures: list[str] = field(default_factory=list)


@dataclass
class Results:
    """All results of a run so far. Each change is written at once, because a run may be stopped at any moment.

    Args:
        began: the local time at which the run began; part of the files' names.
        tree: Git's name for the content of the checkout: results of different contents must not mix.
        commit: the checked-out commit, with a mark if there are uncommitted changes.
        slowness: how many times slower than the reference machine this one is.
        rows: the results.
    """

    began: str
    tree: str
    commit: str
    slowness: float
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def begin(cls, slowness: float) -> Results:
        """Return the results of a run that begins now, and write them, so that the run can be resumed at once."""
        results = cls(time.strftime("%Y-%m-%dT%H%M%S"), tree(), commit(), slowness)
        results.write()
        return results

    @classmethod
    def resume(cls) -> Results:
        """Return the results of the last run.

        Raises:
            StackError: there is no run, or the files have changed since.
        """
        found = sorted(RESULTS.glob("*.json"))
        if not found:
            raise StackError("no run of --all was begun here", "./stack test --all begins one")
        document = json.loads(found[-1].read_text(encoding="utf-8"))
        results = cls(**{**document, "rows": [Row(**row) for row in document["rows"]]})
        if results.tree != tree():
            raise StackError(
                f"the run of {results.began} was one of {results.commit}, and the files have changed since",
                "./stack test --all starts from the beginning",
            )
        return results

    @property
    def passed(self) -> set[str]:
        """The steps that need not run again."""
        return {row.step for row in self.rows if not row.failed}

    @property
    def file(self) -> Path:
        """The file for people."""
        return RESULTS / f"{self.began}.md"

    def add(self, outcome: Outcome) -> None:
        """Record the result of a step; an earlier result of the same step is replaced."""
        name, minutes = outcome.step.name, round(outcome.seconds / 60, 1)
        row = Row(name, outcome.passed, outcome.failed, minutes, time.strftime("%F %H:%M"), list(outcome.failures))
        self.rows = [each for each in self.rows if each.step != name] + [row]
        self.write()

    def write(self) -> None:
        """Write both files: one for people, one for a resumed run."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        self.file.write_text(self.markdown(), encoding="utf-8")
        _replace(self.file.with_suffix(".json"), json.dumps(asdict(self), indent=1))

    def markdown(self) -> str:
        """Return the results as a page."""
        lines = [
            f"# `./stack test --all`, begun {self.began}",
            "",
            f"Commit {self.commit}. {os.cpu_count()} processors, slowness {self.slowness:g}, {platform.platform()}.",
            "",
            "| step | passed | failed | minutes | ended |",
            "| --- | ---: | ---: | ---: | --- |",
            *(f"| {row.step} | {row.passed} | {row.failed} | {row.minutes:.1f} | {row.ended} |" for row in self.rows),
        ]
        failures = [f"- {row.step}: `{name}`" for row in self.rows for name in row.failures]
        if failures:
            lines += ["", "Failed:", "", *failures]
        passed, failed = sum(row.passed for row in self.rows), sum(row.failed for row in self.rows)
        return "\n".join([*lines, "", f"{passed} passed, {failed} failed", ""])


def tree() -> str:
    """Return Git's name for the content of the checkout, including changes and new files."""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        _git("read-tree", "HEAD", **index)
        _git("add", "--all", **index)
        return _git("write-tree", **index)


def commit() -> str:
    """Return the checked-out commit, with a mark if there are uncommitted changes."""
    return _git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")


def _git(*arguments: str, **variables: str) -> str:
    environment: dict[str, Any] = {**os.environ, **variables}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def _replace(path: Path, text: str) -> None:
    """Write a file atomically: a process that is stopped in between leaves the old one."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
