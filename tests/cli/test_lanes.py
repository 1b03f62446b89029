"""Steps in parallel, their outcomes, and the end of a run that somebody stops."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli import program, steps
from cli.console import StackError
from cli.devenv import Environment
from cli.lanes import Lanes
from cli.settings import ROOT
from cli.steps import Step
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cli.program import Program

HERE = Environment(ROOT, make=lambda: None)


def shell(name: str, script: str, *, live: bool = False) -> Step:
    return Step(name, ("sh", "-c", script), HERE, live=live)


@pytest.fixture(autouse=True)
def reports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(steps, "REPORTS", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("status", "failed"), [(0, 0), (2, 1)])
def test_a_step_fails_with_the_command_that_follows_it(status: int, failed: int) -> None:
    step = replace(shell("covered", "true"), then=("sh", "-c", f"echo too little; exit {status}"))
    [outcome] = Lanes([step]).run()

    assert (outcome.failed, outcome.output) == (failed, "too little\n")


def test_it_shows_what_failed_and_one_line_of_what_passed(capfd: pytest.CaptureFixture[str]) -> None:
    outcomes = Lanes([shell("good", "echo fine"), shell("bad", "echo wrong; exit 3")]).run()

    shown = capfd.readouterr().out
    assert {outcome.step.name: outcome.failed for outcome in outcomes} == {"good": 0, "bad": 1}
    assert "fine" not in shown
    assert "wrong" in shown
    assert "ok  good" in shown


@pytest.mark.parametrize("live", [False, True])
def test_a_program_that_a_step_left_behind_is_not_waited_for(capfd: pytest.CaptureFixture[str], *, live: bool) -> None:
    [outcome] = Lanes([shell("left", "sleep 600 & echo $!; printf 'the last line'; exit 3", live=live)]).run()

    shown = (capfd.readouterr().out if live else outcome.output).splitlines()
    os.kill(int(shown[0]), signal.SIGKILL)  # the program still runs
    assert (outcome.failed, shown[1][:13]) == (1, "the last line")


@pytest.mark.slow
def test_the_processor_time_of_a_step_is_that_of_all_programs_that_it_waited_for() -> None:
    work = f"{sys.executable} -c 'import time; [0 for _ in iter(lambda: time.process_time() < 0.2, False)]'"
    step = replace(shell("worker", f"sh -c {shlex.quote(work)}; true"), then=("sh", "-c", work))
    found = {outcome.step.name: outcome.processor for outcome in Lanes([step, shell("waiter", "sleep 0.4")]).run()}

    assert found["worker"] >= 0.4
    assert found["waiter"] < found["worker"]


@pytest.mark.slow
def test_the_processor_time_of_a_step_has_that_of_programs_that_it_did_not_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = "import time; [0 for _ in iter(lambda: time.process_time() < 0.5, False)]; time.sleep(600)"
    # Both live until the child's work was seen, however long that takes: what comes after the last look is missed.
    starter = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}])
until = time.monotonic() + {20 * PATIENCE}
while not os.path.exists("seen") and time.monotonic() < until:
    time.sleep(0.05)
child.kill()
os._exit(0)
"""
    taken = program._taken  # noqa: SLF001 - the look itself

    def look(pid: int) -> float:
        seconds = taken(pid)
        if seconds >= 0.4:
            (tmp_path / "seen").touch()
        return seconds

    monkeypatch.setattr(program, "_taken", look)
    step = Step("starter", (sys.executable, "-c", starter), HERE, tmp_path)
    [outcome] = Lanes([step]).run()

    assert outcome.processor >= 0.4


def test_lanes_run_side_by_side_and_steps_of_one_lane_after_each_other(tmp_path: Path) -> None:
    # The first step of each lane waits for that of the other lane; the second step finds the file of the first.
    meet = "touch {mine}; until [ -e {other} ]; do sleep 0.02; done"
    one, two = tmp_path / "one", tmp_path / "two"
    plan = [
        replace(shell("first", meet.format(mine=one, other=two)), lane="left"),
        replace(shell("second", f"test -e {two}"), lane="left"),
        replace(shell("other", meet.format(mine=two, other=one)), lane="right"),
    ]
    assert not [outcome.step.name for outcome in Lanes(plan).run() if outcome.failed]


def test_the_lines_of_several_live_steps_say_whose_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    plan = [replace(shell(name, "echo hello; echo again", live=True), lane=name) for name in ("left", "right")]
    Lanes(plan).run()

    lines = capfd.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("left | ")] == ["left | hello", "left | again"]
    assert [line for line in lines if line.startswith("right | ")] == ["right | hello", "right | again"]


def test_an_environment_that_cannot_be_made_fails_its_step_alone() -> None:
    def fail() -> None:
        raise StackError("no index answers", "name one that does")

    plan = [replace(shell("poor", "true"), environment=Environment(ROOT, make=fail)), shell("rich", "true")]
    found = {outcome.step.name: outcome for outcome in Lanes(plan).run()}

    assert (found["poor"].failed, found["rich"].failed) == (1, 0)
    assert "no index answers" in found["poor"].output


def test_pytest_s_report_tells_what_was_counted(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite tests="3" failures="1" errors="0" skipped="1">'
        '<testcase classname="tests.stack.test_a" name="test_one" time="2.5"/>'
        '<testcase classname="tests.stack.test_a" name="test_two" time="1"><failure/></testcase>'
        "</testsuite></testsuites>",
        encoding="ascii",
    )
    counts = steps.count_tests(report)

    assert (counts.passed, counts.failed) == (1, 1)
    assert counts.failures == ("tests/stack/test_a.py::test_two",)
    assert counts.cases[0] == steps.Case("tests/stack/test_a.py::test_one", 2.5)


@pytest.mark.parametrize("content", ["", '<testsuites><testsuite tests="0"/></testsuites>'])
def test_no_test_is_one_failure(tmp_path: Path, content: str) -> None:
    report = tmp_path / "report.xml"
    report.write_text(content, encoding="ascii")
    assert (steps.count_tests(report).passed, steps.count_tests(report).failed) == (0, 1)


STOPPED = """
import signal, sys
from pathlib import Path
from cli import program, steps
from cli.console import StackError
from cli.devenv import Environment
from cli.lanes import Lanes
from cli.steps import Step
steps.REPORTS = Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
here = Environment(Path("/"), make=lambda: None)
script = "trap 'touch tidied; exit 1' TERM; touch started; while :; do sleep 0.05; done"
later = Step("later", ("touch", "later"), here, Path(sys.argv[1]), lane="one")
Lanes([Step("long", ("sh", "-c", script), here, Path(sys.argv[1]), lane="one"), later]).run()
"""


def test_a_run_that_is_ended_while_it_starts_a_program_ends_that_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Environment(Path("/"), make=lambda: None)
    run = Lanes([Step("long", ("sleep", "1000"), here, tmp_path)])
    start = steps.start

    def start_late(step: Step, command: Iterable[str]) -> Program:
        process = start(step, command)
        run._end(tell=True)  # noqa: SLF001 - like a signal at this moment
        return process

    monkeypatch.setattr(steps, "REPORTS", tmp_path)
    monkeypatch.setattr(steps, "start", start_late)

    assert [outcome.failed for outcome in run.run()] == [1]


def test_a_run_that_is_ended_lets_its_programs_tidy_up_and_starts_no_more(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", STOPPED, str(tmp_path)], cwd=ROOT, env=dict(os.environ)) as run:
        try:
            wait_until((tmp_path / "started").exists, 20, "the step to start")
            run.send_signal(signal.SIGTERM)
            assert run.wait(PATIENCE * 60) == 143
        finally:
            run.kill()
    assert (tmp_path / "tidied").exists()
    assert not (tmp_path / "later").exists()
