"""The tables at the end, the dated results of a long run, and the measured slowness."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli import report, results, speed
from cli.console import StackError
from cli.devenv import Environment
from cli.program import Moment
from cli.results import Results
from cli.settings import ROOT
from cli.steps import Case, Outcome, Step

if TYPE_CHECKING:
    from pathlib import Path

HERE = Environment(ROOT, make=lambda: None)


def outcome(name: str, *, failed: int = 0, lane: str = "stack", began: float = 0, seconds: float = 60) -> Outcome:
    step = Step(name, ("true",), HERE, targets=("tests/cli",), lane=lane, live=True)
    cases = (Case(f"{name}.py::slow", 9.0), Case(f"{name}.py::quick", 0.1))
    return Outcome(step, 2 - failed, failed, seconds, began, cases=cases, failures=(f"{name}.py::slow",) * failed)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "TIMINGS", tmp_path / "timings.jsonl")
    return tmp_path


def test_a_run_goes_on_with_what_has_not_passed() -> None:
    run = Results.begin(1.0)
    run.add(outcome("one"))
    run.add(outcome("two", failed=1))

    again = Results.resume()

    assert (again.began, again.passed) == (run.began, {"one"})
    again.add(outcome("two"))
    assert Results.resume().passed == {"one", "two"}


def test_a_run_goes_on_that_was_stopped_before_its_first_result() -> None:
    run = Results.begin(1.0)
    assert Results.resume().began == run.began


def test_a_run_does_not_go_on_with_other_files(monkeypatch: pytest.MonkeyPatch) -> None:
    Results.begin(1.0).add(outcome("one"))
    monkeypatch.setattr(results, "tree", lambda: "another")
    with pytest.raises(StackError, match="files have changed"):
        Results.resume()


def test_a_run_that_never_began_cannot_go_on() -> None:
    with pytest.raises(StackError, match="no run of --all"):
        Results.resume()


def test_the_results_name_the_commit_each_step_and_each_failure() -> None:
    run = Results.begin(2.5)
    run.add(outcome("one"))
    run.add(outcome("two", failed=1))

    page = run.file.read_text(encoding="utf-8")
    assert run.commit in page
    assert "slowness 2.5" in page
    assert "| two | 1 | 1 | 1.0 |" in page
    assert "- two: `two.py::slow`" in page
    assert page.rstrip().endswith("3 passed, 1 failed")


def test_the_tree_s_name_changes_with_a_file_that_git_does_not_know_yet(tmp_path: Path) -> None:
    before = results.tree()
    new = ROOT / f"new-{tmp_path.name}"
    try:
        new.write_text("new", encoding="ascii")
        assert results.tree() != before
    finally:
        new.unlink()
    assert results.tree() == before


def test_the_tables_show_phases_waits_and_the_slowest_tests() -> None:
    report.TIMINGS.write_text('{"what": "start of a stack", "seconds": 20}\n' * 2, encoding="ascii")
    outcomes = [outcome("stack", began=100), outcome("server", lane="server", began=110, seconds=30)]
    outcomes = [replace(each, processor=taken) for each, taken in zip(outcomes, (3, 20.5), strict=True)]

    shown = report.tables(outcomes, [("Docker", "35.0 s"), ("all", "35.0 s")], Moment(60, 1000), Moment(180, 1200))

    lines = {" ".join(line.split()) for line in shown.splitlines()}
    assert {"before Docker 35.0 s", "server from 50 s 30.0 s", "all 120.0 s = 2.0 min"} <= lines
    assert "start of a stack 2 x 40.0 s longest 20.0 s" in lines
    assert "9.0 s stack.py::slow" in lines
    assert {"server 20.5", "all steps 23.5", "the machine 200.0"} <= lines


@pytest.mark.parametrize("given", ["fast", "0.5", "nan", "inf", "-3"])
def test_a_slowness_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(speed.VARIABLE, given)
    speed.slowness.cache_clear()
    with pytest.raises(ValueError, match=f"TEST_SLOWNESS is '{given}'"):
        speed.slowness()
    speed.slowness.cache_clear()


def test_the_slowness_is_never_below_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(speed.VARIABLE, raising=False)
    for blocks, factor in ((speed.REFERENCE * 10, 1.0), (speed.REFERENCE / 4, 4.0)):
        speed.slowness.cache_clear()
        monkeypatch.setattr(speed, "blocks_a_second", lambda blocks=blocks: blocks)
        assert speed.slowness() == factor
    speed.slowness.cache_clear()
