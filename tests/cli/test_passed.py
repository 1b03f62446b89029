"""A step that has passed on exactly the same files does not run again."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from cli import passed, steps
from cli.devenv import Environment
from cli.program import Ended
from cli.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout with one folder that the linter checks, and one that it does not check."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache/landfast").mkdir(parents=True)
    root = tmp_path / "checkout"
    for name in ("looked-at/file", "elsewhere/file"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("one", encoding="ascii")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    monkeypatch.setattr(steps, "ROOT", root)
    return root


def lint(root: Path, status: int = 0, option: str = "--strict") -> str:
    """Run a linter with this exit status, and return the line about it."""
    environment = Environment(root / "python", lambda: None)
    step = Step("linter", ("lint", option, str(root)), environment, inputs=(root / "looked-at",))

    def execute(_step: Step, _command: Iterable[str]) -> Ended:
        return Ended(status)

    return steps.run(step, execute).line


def ran(line: str) -> bool:
    return "passed before" not in line


def test_a_linter_does_not_run_again_on_files_that_it_has_passed_on(checkout: Path) -> None:
    assert ran(lint(checkout))
    assert not ran(lint(checkout))


def test_it_runs_again_when_a_file_has_changed_and_not_when_another_has(checkout: Path) -> None:
    lint(checkout)
    (checkout / "elsewhere/file").write_text("two", encoding="ascii")
    assert not ran(lint(checkout))
    (checkout / "looked-at/file").write_text("two", encoding="ascii")
    assert ran(lint(checkout))


@pytest.mark.parametrize("change", ["added", "removed", "renamed"])
def test_it_runs_again_when_files_come_and_go(checkout: Path, change: str) -> None:
    lint(checkout)
    file = checkout / "looked-at/file"
    if change == "added":
        (checkout / "looked-at/new").touch()
    elif change == "removed":
        file.unlink()
    else:
        file.rename(checkout / "looked-at/other")
    assert ran(lint(checkout))


def test_it_runs_again_until_it_passes(checkout: Path) -> None:
    assert "failed" in lint(checkout, status=1)
    assert "failed" in lint(checkout, status=1)
    assert ran(lint(checkout))


def test_it_runs_again_with_other_options(checkout: Path) -> None:
    lint(checkout)
    assert ran(lint(checkout, option="--lenient"))


def test_it_knows_the_files_in_another_checkout(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lint(checkout)
    moved = checkout.rename(checkout.parent / "moved")
    monkeypatch.setattr(steps, "ROOT", moved)
    assert not ran(lint(moved))


def test_where_git_does_not_tell_the_files_it_always_runs(checkout: Path) -> None:
    (checkout / ".git").rename(checkout / "no-git")
    lint(checkout)
    assert ran(lint(checkout))


@pytest.mark.usefixtures("checkout")
def test_it_remembers_the_last_states_only() -> None:
    for number in range(passed.KEPT + 1):
        passed.remember("linter", f"state-{number}")
    assert not passed.before("linter", "state-0")
    assert passed.before("linter", f"state-{passed.KEPT}")
