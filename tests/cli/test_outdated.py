"""Containers that have read older files than those of today are made anew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cli import compose, doctor, outdated, process
from cli.console import StackError
from cli.process import Output
from cli.settings import ROOT, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

STARTED = 1_700_000_000.25


def container(service: str) -> dict[str, Any]:
    return {
        "Config": {"Labels": {"com.docker.compose.service": service}},
        "State": {"StartedAt": "2023-11-14T22:13:20.250000000Z"},
    }


def test_a_container_is_outdated_if_its_files_changed_after_its_start() -> None:
    inspected = [container(name) for name in ("shop", "shop-worker", "mail")]

    assert outdated.find(inspected, {"shop": STARTED + 0.001, "shop-worker": STARTED - 1}) == ["shop"]


@pytest.mark.parametrize("time", ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20.0Z"])
def test_docker_s_times_are_read_with_and_without_a_fraction(time: str) -> None:
    assert outdated.seconds(time) == 1_700_000_000


class Docker:
    """Answers commands by their last words, and records those that change something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Output], removed: int = 0) -> None:
        self.ran: list[Sequence[str]] = []
        monkeypatch.setattr(process, "capture", lambda command, **_: self._answer(command, answers))
        self._removed = removed
        monkeypatch.setattr(process, "run", self._run)

    def _run(self, command: Sequence[str]) -> int:
        self.ran.append(command)
        return self._removed

    def _answer(self, command: Sequence[str], answers: dict[str, Output]) -> Output:
        return next((output for words, output in answers.items() if words in " ".join(command)), Output(0))


ONE = {
    "config --services": Output(0, "shop\npostgres\n"),
    "docker ps": Output(0, "c1"),
    "docker inspect": Output(0, json.dumps([container("shop")])),
}


def test_it_removes_what_a_start_makes_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = Output(0, f"secrets: 0 made, 9 kept\n{json.dumps({'shop': STARTED + 5, 'postgres': STARTED + 5})}\n")
    docker = Docker(monkeypatch, {**ONE, "secrets changes": changes})

    assert outdated.remove("mine") == ["shop"]

    assert docker.ran == [compose.compose("rm", "--stop", "--force", "shop")]


@pytest.mark.parametrize(
    "answers",
    [
        {"docker ps": Output(0, "")},
        {**ONE, "secrets changes": Output(1, "", "secrets: the contract is wrong")},
        {**ONE, "secrets changes": Output(0, json.dumps({"shop": STARTED - 5}))},
    ],
)
def test_it_leaves_alone_what_is_up_to_date(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Output]) -> None:
    docker = Docker(monkeypatch, answers)

    assert outdated.remove("mine") == []

    assert docker.ran == []


def test_it_leaves_a_container_of_a_profile_to_whoever_started_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = Output(0, json.dumps({"shop": STARTED + 5}))
    docker = Docker(monkeypatch, {**ONE, "config --services": Output(0, "postgres\n"), "secrets changes": changes})

    assert outdated.remove("mine") == []

    assert docker.ran == []
    assert "shop has new values to read: docker compose --profile='*' restart shop" in capsys.readouterr().out


BROKEN = 'nginx: [emerg] 9#9: unknown directive "retrun" in /run/secrets/shop.nginx.extra:1\nnginx: test failed\n'


def test_it_removes_no_nginx_that_could_not_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "config --services": Output(0, "nginx\nshop\n"),
        "docker ps": Output(0, "c1"),
        "docker inspect": Output(0, json.dumps([container("nginx"), container("shop")])),
        "secrets changes": Output(0, json.dumps({"nginx": STARTED + 5, "shop": STARTED + 5})),
    }
    docker = Docker(monkeypatch, {**answers, "nginx -t": Output(1, "", BROKEN)})

    with pytest.raises(StackError, match=r'the one before: unknown directive "retrun" in \S+/shop\.nginx\.extra:1\n'):
        outdated.remove("mine")
    assert docker.ran == []

    docker = Docker(monkeypatch, {**answers, "nginx -t": Output(0, "", "nginx: test is successful\n")})
    assert outdated.remove("mine") == ["nginx", "shop"]


@pytest.mark.parametrize(
    ("times", "found"),
    [
        (Output(0, json.dumps({"nginx": STARTED + 5, "shop": STARTED + 5})), ["shop"]),
        (Output(0, json.dumps({"nginx": STARTED + 5, "shop": STARTED - 5})), []),
        (Output(1, "", "no such image"), []),
    ],
)
def test_the_doctor_names_containers_with_values_of_an_earlier_contract(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], times: Output, found: list[str]
) -> None:
    containers = Output(0, json.dumps([container("nginx"), container("shop")]))
    docker = Docker(monkeypatch, {**ONE, "docker inspect": containers, "--entrypoint=python3 secrets": times})

    assert outdated.services("mine") == found
    assert doctor.explain_outdated(Settings.read({}, ROOT / "none")) is not bool(found)

    assert ("shop: the contract has changed since the start" in capsys.readouterr().out) is bool(found)
    assert docker.ran == []


def test_it_says_that_a_container_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    Docker(monkeypatch, {**ONE, "secrets changes": Output(0, json.dumps({"shop": STARTED + 5}))}, removed=1)

    with pytest.raises(StackError, match="a container cannot be removed"):
        outdated.remove("mine")


def test_it_looks_at_services_of_this_project_alone() -> None:
    assert compose.running_ids("mine")[4:] == [
        "--filter=label=com.docker.compose.project=mine",
        "--filter=label=com.docker.compose.oneoff=False",
    ]
