"""The output of ``landfast status``: each host's figures and readiness, and the problems that need a person."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from rollout import __main__ as program
from rollout import quorum, status
from rollout.engine import Engine
from rollout.errors import TransientError
from rollout.shared import Run
from tests.servers.memory import Swarm, apply, plan

if TYPE_CHECKING:
    from rollout.records import Records
    from rollout.smoke import Smoke

NOW = 1_800_000_000.0
READY: dict[str, Any] = {"status": "ready", "failing": [], "attention": [], "dependencies": {"outbox": {"ok": True}}}
FULL = {
    "status": "unavailable",
    "failing": ["postgres"],
    "dependencies": {"postgres": {"ok": False}},
}
HOST: dict[str, Any] = {
    "name": "server-1", "disk_free_mb": 12 * 1024, "disk_mb": 40 * 1024, "memory_free_mb": 512, "memory_mb": 2048,
    "certificate_ends": NOW + 61.5 * 86400, "problems": {},
}  # fmt: skip


class Cluster(Swarm):
    """Two hosts that are up, and one that is down."""

    def nodes(self) -> list[dict[str, Any]]:
        def node(number: int, state: str = "ready") -> dict[str, Any]:
            return {
                "ID": f"n{number}",
                "Description": {"Hostname": f"server-{number}"},
                "Status": {"State": state, "Addr": f"192.0.2.{number}"},
                "Spec": {"Availability": "active", "Role": "manager"},
            }

        return [node(1), node(2), node(3, "down")]


@pytest.fixture
def kept(kept: Records) -> Records:
    """Return the records of a release with a public address."""
    one = plan("one")
    one["stack"]["services"]["web"]["environment"] = {"PUBLIC_URL": "https://www.example.org"}
    apply(Swarm(), kept, one)
    return kept


def shown(
    kept: Records,
    *hosts: dict[str, Any],
    answers: dict[str, object] | None = None,
    asked: list[str] | None = None,
    run: Run | None = None,
) -> str:
    given = {"192.0.2.1": READY, "192.0.2.2": READY, **(answers or {})}

    def fetch(address: str, path: str, smoke: Smoke) -> tuple[int, str]:
        if asked is not None:
            asked.append(f"{smoke.host}{path} at {address}")
        answer = given[address]
        if isinstance(answer, Exception):
            raise answer
        return 200, answer if isinstance(answer, str) else json.dumps(answer)

    return status.describe(Cluster(), kept, hosts, fetch, NOW, run)  # type: ignore[arg-type]


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(name))


def test_it_shows_readiness_disk_memory_and_certificate_of_each_host(kept: Records) -> None:
    asked: list[str] = []
    text = shown(kept, HOST, {**HOST, "name": "server-2", "certificate_ends": None}, asked=asked)

    assert row(text, "server-1").split(maxsplit=4)[4] == "yes    12.0 of 40.0 GB  0.5 of 2.0 GB  61 days"
    assert row(text, "server-2").split()[-1] == "none"
    assert row(text, "server-3").split()[1:] == ["down", "active", "manager", "?", "?", "?", "?"]
    assert sorted(asked) == ["www.example.org/readyz at 192.0.2.1", "www.example.org/readyz at 192.0.2.2"]
    assert "LOOK AT" not in text


def test_it_says_what_waits_for_a_person(kept: Records) -> None:
    ill = {**HOST, "problems": {"reboot": "a reboot is due: libc6", "certbot.service": "the renewal failed"}}
    document = {**READY, "attention": ["outbox", "outbox-shop"]}

    text = shown(kept, ill, answers={"192.0.2.1": document, "192.0.2.2": document})

    block = text.partition("LOOK AT\n")[2].partition("\n\n")[0]
    assert [line.strip() for line in block.splitlines()] == [
        "server-1: a reboot is due: libc6",
        "server-1: the renewal failed",
        "outbox: tasks failed for good, or are tried again (/console/outbox/task/)",
        "outbox-shop: tasks failed for good, or are tried again (/console/outbox/task/)",
    ]


def test_it_names_a_failing_dependency_once_though_every_host_says_so(kept: Records) -> None:
    text = shown(kept, answers={"192.0.2.1": FULL, "192.0.2.2": FULL})

    assert text.count("postgres: not ready (/console/readiness/)") == 1
    assert row(text, "server-1").split()[4] == row(text, "server-2").split()[4] == "no"


@pytest.mark.parametrize("answer", [ConnectionRefusedError("refused"), "<html>", "[]", "{}", "null"])
def test_a_host_that_gives_no_report_is_not_ready_and_named(kept: Records, answer: object) -> None:
    text = shown(kept, answers={"192.0.2.2": answer})

    assert row(text, "server-1").split()[4] == "yes"
    assert row(text, "server-2").split()[4] == "no"
    assert "server-2: /readyz: gives no report" in text


def test_it_tells_of_a_change_at_work_on_another_manager(kept: Records) -> None:
    run = Run("run-1", "deploy", "two", "me", "noon", "server-2")

    assert "deploy of two by me is at work on server-2 since noon" in shown(kept, run=run).splitlines()


@pytest.mark.parametrize(("host", "state"), [("server-3", "is down"), ("server-1", "restarted")])
def test_it_tells_of_an_interrupted_change_and_of_its_end(
    kept: Records, monkeypatch: pytest.MonkeyPatch, host: str, state: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "server-1")

    text = shown(kept, run=Run("run-1", "deploy", "two", "me", "noon", host))

    line = next(line for line in text.splitlines() if line.startswith("INTERRUPTED"))
    assert f"deploy of two by me, since noon: {host} {state}; {host} restores the release above at its boot" in line


@pytest.fixture
def managers(kept: Records, monkeypatch: pytest.MonkeyPatch) -> Records:
    """Return the records of the first of three managers."""
    monkeypatch.setattr("socket.gethostname", lambda: "server-1")
    nodes = [
        {"Description": {"Hostname": f"server-{number}"}, "ManagerStatus": {"Addr": f"192.0.2.{number}:2377"}}
        for number in (1, 2, 3)
    ]
    quorum.remember(kept, [*nodes, {"Description": {"Hostname": "worker"}}])
    return kept


@pytest.mark.parametrize(("away", "silent"), [([], []), ([2], []), ([2, 3], ["server-2", "server-3"])])
def test_a_manager_is_cut_off_if_it_reaches_no_majority(managers: Records, away: list[int], silent: list[str]) -> None:
    gone = {f"192.0.2.{number}:2377" for number in away}

    assert quorum.silent(managers, lambda address: address not in gone) == silent


def test_a_single_manager_is_never_cut_off(kept: Records) -> None:
    assert quorum.silent(kept, lambda _: False) == []


def test_a_manager_that_is_cut_off_says_so_and_what_was_recorded(
    managers: Records, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(quorum, "silent", lambda _: ["server-2", "server-3"])
    managers.log(what="deploy", release="one", who="me", outcome="done", seconds=1)

    assert program.show_status(Engine(), managers, []) == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "CUT OFF: server-1 is without a majority of the managers: server-2, server-3 do not answer"
    assert "as last recorded here: release one, since" in "".join(lines)
    assert "deploy one by me: done" in lines[-1]


def test_a_manager_without_a_leader_says_so(
    managers: Records, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(quorum, "silent", lambda _: [])

    class Leaderless(Cluster):
        def get(self, path: str, **_: str) -> list[dict[str, Any]]:
            raise TransientError(f"Docker answers 503 to {path}: The swarm does not have a leader")

    assert program.show_status(Leaderless(), managers, []) == 1  # type: ignore[arg-type]
    assert "CUT OFF: server-1 is without a majority of the managers: Docker answers 503" in capsys.readouterr().out


def test_a_port_that_answers_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert quorum.answers(address)
    assert not quorum.answers(address)


def test_it_asks_nobody_before_the_first_release(kept: Records) -> None:
    (kept.folder / "state.json").unlink()

    assert shown(kept, answers={"192.0.2.1": AssertionError()}).startswith("no release yet")
