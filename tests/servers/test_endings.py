"""Every early end of the rollout program leads to a rollback, a result for the playbook, and a record."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from rollout import change, deployer, lock, records, status, watch
from rollout.errors import BusyError, RolloutError
from rollout.result import RESERVED, Result
from tests.servers.memory import Json, Swarm, apply, image, options, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Return the commands to systemd, which do not run; the lock is the test's own."""
    seen: list[list[str]] = []

    def run(command: list[str], **_: object) -> None:
        seen.append(command)

    for module in (change, watch):
        monkeypatch.setattr(module, "only_one", partial(lock.only_one, path=tmp_path / "lock"))
    monkeypatch.setattr(subprocess, "run", run)
    return seen


def roll_out(swarm: Swarm, kept: records.Records, new: Json, **more: object) -> Json:
    """Let the program roll ``new`` out as for a playbook, and return the result that the playbook reads."""
    kept.save(f"plan-{new['release']}.json", new)
    given = options(f"plan-{new['release']}.json", **more)
    path = kept.folder / "run-1.json"
    change.apply(swarm, kept, given, path, lambda _: None)  # type: ignore[arg-type]
    return read(path)


def read(path: Path) -> Json:
    return dict(json.loads(path.with_suffix(".result").read_text(encoding="utf-8")))


def fail_at(swarm: Swarm, release: str, error: Callable[[], None]) -> None:
    """Call ``error`` when the site of ``release`` is rolled out."""
    deploy = swarm.deploy

    def then(stack: str, file: Mapping[str, Any]) -> None:
        deploy(stack, file)
        if image("web", release) in {service["image"] for service in file["services"].values()} and stack == "site":
            error()

    swarm.deploy = then  # type: ignore[method-assign]


def test_a_good_roll_leaves_result_and_record(
    swarm: Swarm, kept: records.Records, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/lib/rollout.pyz", "apply", "run-1.json"])

    result = roll_out(swarm, kept, plan("one"))

    assert result["ok"]
    assert re.search(r"deploy one by me@here: done in \d+ s$", result["record"])
    assert "/lib/rollout.pyz" in commands[-1], "the watch is of the same program, whatever was installed since"


def test_a_fault_of_the_program_ends_in_the_rollback_and_a_record(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))

    def fault() -> None:
        raise KeyError("no such thing")

    fail_at(swarm, "two", fault)
    result = roll_out(swarm, kept, plan("two"))

    assert not result["ok"]
    assert result["reason"] == "the rollout program failed: KeyError: 'no such thing'; one still serves"
    assert any("in fault" in line for line in result["lines"]), "the result has the traceback"
    assert swarm.running["web"] == image("web", "one")
    assert "deploy two by me@here: FAILED (the rollout" in (kept.folder / "log").read_text(encoding="utf-8")


def test_a_service_that_somebody_removes_meanwhile_is_named(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))
    fail_at(swarm, "two", swarm.stacks["site"].clear)

    result = roll_out(swarm, kept, plan("two"))

    assert result["reason"] == "web: somebody has removed it from Swarm; one still serves"
    assert swarm.running["web"] == image("web", "one")


@pytest.mark.parametrize("step", ["save", "succeed"])
def test_a_release_that_cannot_be_remembered_is_taken_back(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    apply(swarm, kept, plan("one"))

    def fail(*_: object) -> None:
        raise FULL

    kept.save("plan-two.json", plan("two"))
    with monkeypatch.context() as patch:
        patch.setattr(records.Records, step, fail)
        path = kept.folder / "run-1.json"
        change.apply(swarm, kept, options("plan-two.json"), path, lambda _: None)  # type: ignore[arg-type]

    assert "No space left on device" in read(path)["reason"]
    assert "one still serves" in read(path)["reason"]
    assert swarm.running["web"] == image("web", "one")
    assert kept.running().release == "one"


def test_a_record_that_cannot_be_written_takes_no_good_release_back(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise FULL

    monkeypatch.setattr(records.Records, "log", fail)
    result = roll_out(swarm, kept, plan("one"))

    assert result["ok"]
    assert result["record"] == f"{kept.folder / 'log'} could not be written: No space left on device"


def test_the_results_room_is_taken_before_anything_changes(tmp_path: Path) -> None:
    result = Result(tmp_path / "run-1.result")

    result.reserve()
    assert result.path.stat().st_size == RESERVED
    inode = result.path.stat().st_ino
    result.write(RolloutError("it failed", ("a line",)), ["said"], "record")

    assert result.path.stat().st_ino == inode, "written into the reserved space, in case the disk is full"
    assert read(tmp_path / "run-1.json")["lines"] == ["a line"]


def test_nothing_changes_where_the_result_would_have_no_room(
    swarm: Swarm, kept: records.Records, tmp_path: Path
) -> None:
    kept.save("plan-one.json", plan("one"))

    with pytest.raises(RolloutError, match="nothing was changed"):
        change.apply(swarm, kept, options("plan-one.json"), tmp_path / "no/run.json", print)  # type: ignore[arg-type]
    assert swarm.calls == []


def test_a_shutdown_ends_in_the_rollback_and_a_record(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))
    fail_at(swarm, "two", lambda: os.kill(os.getpid(), signal.SIGTERM))

    result = roll_out(swarm, kept, plan("two"))

    assert result["reason"] == "the rollout program had to stop (SIGTERM); one still serves"
    assert swarm.running["web"] == image("web", "one")


class KilledError(BaseException):
    """Acts like SIGKILL: no handler of the program catches it."""


def killed(swarm: Swarm, kept: records.Records) -> Path:
    """Kill the program while it replaces ``one`` by ``two``; return the file of its options."""
    apply(swarm, kept, plan("one"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployer.Deployer, "smoke", raise_killed)
        with pytest.raises(KilledError):
            roll_out(swarm, kept, plan("two"))
    assert swarm.running["web"] == image("web", "two")
    return kept.folder / "run-1.json"


def raise_killed(*_: object) -> None:
    raise KilledError


def test_a_killed_roll_leaves_a_result_that_says_so(swarm: Swarm, kept: records.Records) -> None:
    result = read(killed(swarm, kept))

    assert not result["ok"]
    assert result["reason"] == "the rollout program was killed before its end"
    assert "status.yml" in result["lines"][0]


def test_what_a_killed_roll_left_is_brought_back(swarm: Swarm, kept: records.Records) -> None:
    path = killed(swarm, kept)

    change.recover(swarm, kept, options("plan-two.json"), path, lambda _: None)  # type: ignore[arg-type]

    assert swarm.running["web"] == image("web", "one")
    assert read(path)["reason"] == "the rollout program was killed before its end; one still serves"
    assert "deploy two by me@here: FAILED (the rollout program was killed" in (kept.folder / "log").read_text()


def test_a_roll_that_came_to_its_end_is_left_alone(swarm: Swarm, kept: records.Records) -> None:
    roll_out(swarm, kept, plan("one"))
    swarm.calls.clear()
    path = kept.folder / "run-1.json"

    assert change.recover(swarm, kept, options("plan-one.json"), path, print)  # type: ignore[arg-type]
    assert swarm.calls == []


def test_a_busy_cluster_is_told_and_touched_by_nobody(swarm: Swarm, kept: records.Records, tmp_path: Path) -> None:
    with lock.only_one("deploy", "other", "you", since="noon", patience=0, path=tmp_path / "lock"):
        result = roll_out(swarm, kept, plan("one"))

    assert result["busy"]
    assert result["reason"] == "deploy of other by you is at work since noon"
    assert swarm.calls == []


def test_a_rollback_of_the_watch_that_fails_is_recorded(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))
    apply(swarm, kept, plan("two"))
    (kept.folder / "plan-one.json").unlink()

    watch.roll_back(swarm, kept, {"who": "me"}, RolloutError("web: exit 1"), lambda _: None)  # type: ignore[arg-type]

    log = (kept.folder / "log").read_text(encoding="utf-8")
    assert "FAILED after its deploy (web: exit 1); and one did not come back: the record plan-one.json" in log


def test_the_status_takes_no_lock_from_a_deploy_that_begins(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "lock"
    with lock.only_one("deploy", "one", "me", since="noon", patience=0, path=path):
        assert lock.held(path)
    monkeypatch.setattr("fcntl.flock", lambda *_: pytest.fail("the lock was tried"))

    assert not lock.held(path)
    assert status.describe(swarm_with_names(swarm), kept).startswith("no release yet")  # type: ignore[arg-type]


def swarm_with_names(swarm: Swarm) -> Swarm:
    """Add the nodes' data that the status shows."""
    nodes = [
        {**node, "Description": {"Hostname": node["ID"]}, "Spec": {**node["Spec"], "Role": "manager"}}
        for node in swarm.nodes()
    ]
    swarm.nodes = lambda: nodes  # type: ignore[method-assign]
    return swarm


def test_a_holder_that_has_not_said_who_it_is_gets_a_moment_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "INTERVAL", 0.01)
    monkeypatch.setattr(lock, "DESCRIPTION_TIMEOUT", 0.05)
    path = tmp_path / "lock"
    with lock.only_one("deploy", "one", "me", since="noon", patience=0, path=path):
        said = path.read_text()
        path.write_text("")
        monkeypatch.setattr("rollout.lock.time.sleep", lambda _: path.write_text(said))
        with (
            pytest.raises(BusyError, match="deploy of one by me"),
            lock.only_one("deploy", "two", "you", since="", patience=0, path=path),
        ):
            pass


def test_the_files_of_old_runs_go(kept: records.Records) -> None:
    for number in range(records.KEPT_RUNS + 2):
        for ending in ("json", "result"):
            (kept.folder / f"run-{number:02}.{ending}").write_text("{}")

    assert kept.tidy() == ["run-00.json", "run-00.result", "run-01.json", "run-01.result"]


def test_the_images_of_the_newest_releases_are_those_to_keep(swarm: Swarm, kept: records.Records) -> None:
    for release in ("one", "two", "three"):
        apply(swarm, kept, plan(release, db="same"))

    name = "127.0.0.1:5000/landfast"
    assert kept.images(2) == [f"{name}/db@sha256:same", f"{name}/web@sha256:three", f"{name}/web@sha256:two"]
    assert kept.plan("plan-three.json")["stack"]["services"]["db"]["image"] == image("db", "one", "same")
