"""A manager that restarted in the middle of a rollout restores the release at its boot, and records it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollout import change, deployer, lock, records, resume, shared
from rollout.errors import RolloutError
from rollout.result import Result
from tests.servers.memory import Json, Swarm, apply, image, options, plan


class PowerCutError(BaseException):
    """Ends the program like a power cut: no handler catches it."""


@pytest.fixture(autouse=True)
def _systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no unit run, and let the lock be the test's own."""
    monkeypatch.setattr(change, "only_one", partial(lock.only_one, path=tmp_path / "lock"))
    monkeypatch.setattr("socket.gethostname", lambda: "n")

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 3, stdout="inactive\n")

    monkeypatch.setattr(subprocess, "run", run)


def interrupted(swarm: Swarm, kept: records.Records) -> Path:
    """Cut the power while ``one`` is replaced by ``two``; return the file of the options."""
    apply(swarm, kept, plan("one"))
    kept.save("plan-two.json", plan("two"))
    path = kept.folder / "run-1.json"
    given = options("plan-two.json")
    path.write_text(json.dumps(given), encoding="utf-8")

    def cut(*_: object) -> None:
        raise PowerCutError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployer.Deployer, "smoke", cut)
        with pytest.raises(PowerCutError):
            change.apply(swarm, kept, given, path, lambda _: None)  # type: ignore[arg-type]
    assert swarm.running["web"] == image("web", "two")
    return path


def result(path: Path) -> Json:
    return dict(json.loads(path.with_suffix(".result").read_text(encoding="utf-8")))


def boot(swarm: Swarm, kept: records.Records) -> list[str]:
    said: list[str] = []
    resume.resume(kept, said.append, swarm)  # type: ignore[arg-type]
    return said


def test_the_release_before_is_restored_at_boot_and_the_log_says_so(swarm: Swarm, kept: records.Records) -> None:
    path = interrupted(swarm, kept)

    boot(swarm, kept)

    assert swarm.running["web"] == image("web", "one")
    assert result(path)["ended"]
    assert result(path)["reason"] == "n restarted in the middle; one still serves"
    assert "deploy two by me@here: FAILED (n restarted in the middle; one still serves)" in kept.log_lines()[-1]
    assert shared.read(swarm).run is None  # type: ignore[arg-type]
    assert shared.read(swarm).log[-1] == kept.log_lines()[-1], "every manager knows"  # type: ignore[arg-type]


def test_a_second_boot_changes_nothing(swarm: Swarm, kept: records.Records) -> None:
    interrupted(swarm, kept)
    boot(swarm, kept)
    swarm.calls.clear()

    assert boot(swarm, kept) == []
    assert swarm.calls == []
    assert len(kept.log_lines()) == 1


def test_a_manager_that_restarts_again_meanwhile_tries_again(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = interrupted(swarm, kept)

    def cut(*_: object, **__: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(deployer.Deployer, "rollback", cut)
        with pytest.raises(PowerCutError):
            boot(swarm, kept)
    assert not result(path)["ended"]

    boot(swarm, kept)

    assert swarm.running["web"] == image("web", "one")


def test_a_shutdown_waits_for_the_rollback(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = interrupted(swarm, kept)
    rollback = deployer.Deployer.rollback

    def shut_down(self: deployer.Deployer, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - those of any method
        os.kill(os.getpid(), signal.SIGTERM)
        rollback(self, *arguments, **more)

    monkeypatch.setattr(deployer.Deployer, "rollback", shut_down)
    boot(swarm, kept)

    assert result(path)["reason"] == "n restarted in the middle; one still serves"


def test_what_another_manager_has_done_since_stays(swarm: Swarm, kept: records.Records, tmp_path: Path) -> None:
    path = interrupted(swarm, kept)
    other = records.Records(tmp_path / "other")
    other.folder.mkdir()
    swarm.states = {"n": "down"}
    other.save("plan-one.json", plan("one"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: "d")
        other.save("plan-three.json", plan("three"))
        change.apply(swarm, other, options("plan-three.json"), other.folder / "run-2.json", print)  # type: ignore[arg-type]
    swarm.states = {}
    kept.save("plan-three.json", plan("three"))
    swarm.calls.clear()

    boot(swarm, kept)

    assert swarm.running["web"] == image("web", "three")
    assert swarm.calls == []
    assert result(path)["ended"]
    assert "FAILED (n restarted in the middle; another manager has changed the cluster since)" in kept.log_lines()[-1]
    assert kept.running().release == "three"


def test_a_rollout_that_runs_is_left_alone(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(swarm, kept)
    monkeypatch.setattr(resume, "is_active", lambda _: True)

    boot(swarm, kept)

    assert swarm.running["web"] == image("web", "two")


def test_options_that_cannot_be_read_are_named(swarm: Swarm, kept: records.Records) -> None:
    path = interrupted(swarm, kept)
    path.write_text("{", encoding="ascii")

    (said,) = boot(swarm, kept)

    assert said.startswith(f"run-1: {path} cannot be read")


def test_a_power_cut_keeps_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []

    def fsync(number: int) -> None:
        synced.append(Path(f"/proc/self/fd/{number}").readlink())

    monkeypatch.setattr(os, "fsync", fsync)
    Result(tmp_path / "run-1.result").reserve()

    assert synced == [tmp_path / "run-1.result", tmp_path]


def test_a_current_release_that_cannot_be_read_is_told(swarm: Swarm, kept: records.Records) -> None:
    path = interrupted(swarm, kept)
    (kept.folder / "plan-one.json").unlink()

    boot(swarm, kept)

    assert result(path)["reason"].startswith("the record plan-one.json cannot be read")
    with pytest.raises(RolloutError):
        kept.plan("plan-one.json")
