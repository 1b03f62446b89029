"""The records that all managers share, and the one change of the cluster at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rollout import records, shared
from rollout.errors import BusyError, RolloutError, TransientError
from tests.servers.memory import Swarm, apply, plan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def other(tmp_path: Path) -> records.Records:
    """Return the records of another manager."""
    folder = tmp_path / "other"
    folder.mkdir()
    return records.Records(folder)


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "n")


def log(kept: records.Records, release: str) -> None:
    kept.log(what="deploy", release=release, who="me", outcome="done", seconds=1)


def test_another_manager_learns_the_releases_and_the_log(
    swarm: Swarm, kept: records.Records, other: records.Records
) -> None:
    apply(swarm, kept, plan("one"))
    log(kept, "one")
    log(other, "zero")
    shared.push(swarm, kept)  # type: ignore[arg-type]

    shared.pull(swarm, other)  # type: ignore[arg-type]

    assert other.entries == kept.entries
    assert [line.split()[2] for line in other.log_lines()] == ["one", "zero"]
    assert shared.pull(swarm, other).number == 1  # type: ignore[arg-type]
    assert len(other.log_lines()) == 2, "no line comes twice"


def test_only_the_newest_document_stays_in_swarm(swarm: Swarm, kept: records.Records) -> None:
    for _ in range(3):
        shared.push(swarm, kept)  # type: ignore[arg-type]

    assert list(swarm.configs) == ["landfast-records-3"]


def test_records_from_before_there_was_a_document_stay(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))

    assert shared.pull(swarm, kept) == shared.Document()  # type: ignore[arg-type]
    assert kept.running().release == "one"


def test_a_change_that_could_not_be_sent_is_sent_by_the_next_command(
    swarm: Swarm, kept: records.Records, other: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(swarm, kept, plan("one"))
    said: list[str] = []

    def unreachable(*_: object, **__: object) -> str:
        raise TransientError("docker config create failed")

    with monkeypatch.context() as patch:
        patch.setattr(swarm, "config", unreachable)
        shared.share(swarm, kept, said.append)  # type: ignore[arg-type]
    shared.pull(swarm, kept)  # type: ignore[arg-type]
    shared.pull(swarm, other)  # type: ignore[arg-type]

    assert said == ["the other managers do not know of this yet: docker config create failed"]
    assert other.running().release == "one"


def test_a_document_that_another_manager_writes_at_the_same_time_is_read_again(
    swarm: Swarm, kept: records.Records, other: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(kept, "one")
    log(other, "two")
    config, late = swarm.config, True

    def meanwhile(verb: str, *arguments: str, given: str | None) -> str:
        nonlocal late
        if late:
            late = False
            shared.push(swarm, other)  # type: ignore[arg-type]
        return config(verb, *arguments, given=given)

    monkeypatch.setattr(swarm, "config", meanwhile)
    document = shared.push(swarm, kept)  # type: ignore[arg-type]

    assert document.number == 2
    assert sorted(line.split()[2] for line in document.log) == ["one", "two"]


def test_two_managers_do_not_change_the_cluster_at_the_same_time(
    swarm: Swarm, kept: records.Records, other: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shared.begun(swarm, kept, "run-1", "deploy", "one", "me"):  # type: ignore[arg-type]
        monkeypatch.setattr("socket.gethostname", lambda: "d")
        with (
            pytest.raises(BusyError, match=r"deploy of one by me is at work on n since 20"),
            shared.begun(swarm, other, "run-2", "deploy", "two", "you"),  # type: ignore[arg-type]
        ):
            pytest.fail("it began")

    assert shared.read(swarm).run is None  # type: ignore[arg-type]
    with shared.begun(swarm, other, "run-2", "deploy", "two", "you"):  # type: ignore[arg-type]
        pass


def test_a_change_goes_on_where_the_manager_of_an_interrupted_one_is_down(
    swarm: Swarm, other: records.Records, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(swarm, kept)
    swarm.states = {"n": "down"}
    monkeypatch.setattr("socket.gethostname", lambda: "d")

    with shared.begun(swarm, other, "run-2", "deploy", "two", "you"):  # type: ignore[arg-type]
        run = shared.read(swarm).run  # type: ignore[arg-type]

    assert run
    assert (run.id, run.host) == ("run-2", "d")


def interrupt(swarm: Swarm, kept: records.Records) -> None:
    """Let a change begin, and its manager lose its power."""

    class PowerCutError(BaseException):
        pass

    with (
        pytest.raises(PowerCutError),
        shared.begun(swarm, kept, "run-1", "deploy", "one", "me"),  # type: ignore[arg-type]
    ):
        raise PowerCutError


def test_a_manager_goes_on_after_an_interrupted_change_of_its_own(swarm: Swarm, kept: records.Records) -> None:
    interrupt(swarm, kept)

    with shared.begun(swarm, kept, "run-2", "deploy", "two", "me"):  # type: ignore[arg-type]
        pass

    assert shared.read(swarm).run is None  # type: ignore[arg-type]


def test_a_change_that_fails_is_at_work_no_longer(swarm: Swarm, kept: records.Records) -> None:
    with (
        pytest.raises(RolloutError, match="it failed"),
        shared.begun(swarm, kept, "run-1", "deploy", "one", "me"),  # type: ignore[arg-type]
    ):
        raise RolloutError("it failed")

    assert shared.read(swarm).run is None  # type: ignore[arg-type]


def test_a_number_that_this_manager_cannot_read_is_none(kept: records.Records) -> None:
    assert shared.known(kept) == (0, False)
    (kept.folder / shared.FILE).write_text("{", encoding="ascii")
    assert shared.known(kept) == (0, False)
    (kept.folder / shared.FILE).write_text(json.dumps({"number": 3, "unsent": True}), encoding="ascii")
    assert shared.known(kept) == (3, True)
