"""A rollout shows how it goes on, and the playbook follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rollout import deployer, progress, smoke
from rollout.errors import RolloutError
from rollout.follow import follow
from rollout.result import Result
from tests.servers.memory import Json, Swarm, apply, plan
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from rollout.records import Records


#: The fixtures of this folder let the site pass without it.
run = smoke.run


@pytest.fixture
def result(tmp_path: Path) -> Result:
    result = Result(tmp_path / "run-1.result")
    result.reserve()
    return result


def seen(result: Result, known: int = 0, alive: str = "landfast-run-1") -> Json:
    return follow(result.path, known, lambda unit: unit == alive, patience=0)


def test_new_lines_are_shown_while_the_rollout_runs(result: Result) -> None:
    assert seen(result) == {"lines": [], "ended": False, "alive": True}

    result.note(["db: healthy", "web: healthy"])

    assert seen(result)["lines"] == ["db: healthy", "web: healthy"]
    assert seen(result, known=1)["lines"] == ["web: healthy"]


def test_it_waits_for_a_new_line(result: Result) -> None:
    answers = iter([False])

    def alive(_: str) -> bool:
        if next(answers, None) is None:
            result.note(["db: healthy"])
        return True

    assert follow(result.path, 0, alive, patience=60 * PATIENCE)["lines"] == ["db: healthy"]


def test_the_end_is_seen(result: Result) -> None:
    result.write(RolloutError("it failed"), ["db: healthy"], "record")

    assert seen(result, known=1, alive="") == {"lines": [], "ended": True, "alive": False}


def test_a_rollout_whose_host_has_restarted_is_ended_by_another_unit(result: Result) -> None:
    assert seen(result, alive="landfast-resume") == {"lines": [], "ended": False, "alive": True}
    assert seen(result, alive="") == {"lines": [], "ended": False, "alive": False}


def test_a_result_that_is_missing_or_half_written_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "run-1.result"
    assert follow(path, 0, lambda _: False) == {"lines": [], "ended": False, "alive": False}
    path.write_text('{"progress": [', encoding="ascii")
    assert follow(path, 0, lambda _: True, patience=0) == {"lines": [], "ended": False, "alive": True}


@pytest.mark.usefixtures("clock")
def test_a_service_that_takes_long_is_reported_now_and_then(
    swarm: Swarm, kept: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(swarm, kept, plan("one"))
    swarm.stacks["site"]["web"]["ServiceStatus"]["DesiredTasks"] = 2
    monkeypatch.setattr(progress, "INTERVAL", 0)
    said: list[str] = []

    with pytest.raises(RolloutError, match="not healthy within"):
        deployer.Deployer(swarm, said.append, step_timeout=0.1).wait("site", ["db", "web"], None)  # type: ignore[arg-type]

    assert said[0] == "web: 1 of 2 new and healthy after 0 s"


def test_nothing_is_reported_twice_within_a_few_seconds() -> None:
    said: list[str] = []
    waiting = progress.Progress(said.append)

    waiting.tell("web: 1 of 2")

    assert said == []


@pytest.mark.usefixtures("clock")
def test_a_smoke_test_that_takes_long_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0)
    monkeypatch.setattr(smoke, "INTERVAL", 0.01)
    answers = iter(["/ answers 503", ""])
    said: list[str] = []

    run(smoke.Smoke("site.test", [smoke.Check("/")]), ["192.0.2.1"], lambda *_: next(answers), said.append)

    assert said == ["smoke test: / answers 503 after 0 s"]
