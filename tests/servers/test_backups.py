"""``landfast backups``, and the stop of all services for a restore: what they choose, and which commands they build."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from cli.backup import containers, make, server
from cli.backup.catalogue import Backup
from cli.backup.containers import Place
from cli.backup.server import ServerRepository
from cli.console import StackError
from cli.process import Output
from cli.servers.__main__ import renew_secret
from cli.servers.manifest import Manifest
from cli.servers.render import backups as settings_of
from rollout import backups, standstill
from rollout.errors import RolloutError
from tests.servers.memory import apply, plan, staged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rollout.records import Records
    from tests.servers.memory import Swarm

NOW = datetime(2026, 11, 29, 14, 0, tzinfo=UTC)
BACKUP = Backup("20261128-020000F", "full", NOW - timedelta(hours=36), NOW - timedelta(hours=35), 4_000_000)
PLACE = Place(
    {"backup": "registry/backup@sha256:1", "postgres": "registry/postgres@sha256:2"},
    {"media": "site_media", "postgres": "site_postgres", "releases": "/var/lib/landfast/releases"},
    "site_backups",
    "site",
)


class Docker:
    """Answers the commands of a host: the services whose containers run, and the volumes that exist."""

    def __init__(self, running: Sequence[str] = ("backup", "postgres"), volumes: Sequence[str] = ()) -> None:
        self.running, self.volumes = running, volumes

    def __call__(self, command: Sequence[str], **_: object) -> Output:
        if command[:2] == ["docker", "ps"]:
            service = command[4].rpartition("_")[2]
            return Output(0, f"registry/{service}@sha256:1\n" if service in self.running else "")
        assert command[:3] == ["docker", "volume", "inspect"]
        return Output(0 if command[3] in self.volumes else 1)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Return the file that a deploy has written."""
    path = tmp_path / "backups.json"
    given = {
        "stack": "site",
        "repository": "site_backups",
        "volumes": {"compose.yaml": ["media", "unmade"]},
        "keep": {"BACKUP_KEEP_FULL": "3", "BACKUP_KEEP_DAYS": "30"},
    }
    path.write_text(json.dumps(given))
    return path


def test_commands_on_a_server_enter_the_containers_of_its_services() -> None:
    command = containers.at_database(PLACE, "archiving", "flush")

    assert command[-3:] == ["site_postgres", "archiving", "flush"]
    assert "com.docker.swarm.service.name" in command[2]
    assert containers.at_repository(PLACE, "engine", "init")[-3:] == ["site_backup", "engine", "init"]


def test_a_servers_restore_has_no_network_and_gets_its_secret_from_the_host() -> None:
    command = containers.restore_database(PLACE, "begin", BACKUP.label, "default")

    assert {"--network=none", "--read-only", "--cap-drop=ALL"} <= {*command}
    assert [each for each in command if each.startswith("--volume")] == [
        "--volume=site_postgres:/var/lib/postgresql/data",
        "--volume=/etc/landfast/secrets/backup:/run/secrets:ro",
        "--volume=site_backups:/var/lib/backup",
    ]
    assert command[-4:] == [PLACE.images["postgres"], "begin", BACKUP.label, "default"]


def test_folders_of_the_host_are_saved_read_only() -> None:
    command = containers.files(PLACE, "save", volumes=["releases"])

    assert "--volume=/var/lib/landfast/releases:/files/releases:ro" in command


def test_it_backs_up_the_volumes_that_the_contracts_name_and_that_servers_have() -> None:
    mounts = [{"type": "volume", "source": "backups", "target": "/var/lib/backup"}]
    keep = {"BACKUP_KEEP_FULL": "2", "BACKUP_KEEP_DAYS": "7"}
    service = {"volumes": mounts, "environment": {**keep, "OTHER": "1"}}
    stack = {"services": {"backup": service}, "volumes": {"media": {}, "backups": {}}}

    found = settings_of(stack, "site", {"a.yaml": ["media", "secrets"], "b.yaml": ["gone"]})

    assert found == {"stack": "site", "repository": "site_backups", "volumes": {"a.yaml": ["media"]}, "keep": keep}
    mounts[0] |= {"type": "bind", "source": "/var/lib/landfast/backups"}
    assert settings_of(stack, "site", {})["repository"] == "/var/lib/landfast/backups"


def test_what_a_contract_leaves_out_is_in_no_backup() -> None:
    volumes = [name for several in Manifest.read().volumes.values() for name in several]

    assert "media" in volumes
    assert not {"postgres", "redis", "rabbitmq", "flower", "backups"} & {*volumes}


def test_it_knows_the_images_of_a_stack_that_is_stopped(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tmp_path / "images.json"
    monkeypatch.setattr("cli.process.capture", Docker(running=[]))
    with pytest.raises(StackError, match="have never run on this host"):
        ServerRepository.of_host(written, images)
    assert not server.has_run(written, images)

    monkeypatch.setattr("cli.process.capture", Docker(volumes=["site_media"]))
    before = ServerRepository.of_host(written, images)
    monkeypatch.setattr("cli.process.capture", Docker(running=[], volumes=["site_media"]))
    after = ServerRepository.of_host(written, images)

    assert before.place.images == {name: f"registry/{name}@sha256:1" for name in ("backup", "postgres")}
    assert after.place.images == before.place.images
    assert before.keep == (3, 30)
    assert before.volumes["compose.yaml"] == ["media"], "Docker would make a volume that is missing"
    assert server.has_run(written, images)


def test_another_host_says_that_it_has_no_data(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="this host keeps no data"):
        ServerRepository.of_host(tmp_path / "missing")


def test_an_old_backup_is_refused_with_its_age_and_the_way_out() -> None:
    backups.check_age([BACKUP], timedelta(hours=35), NOW)

    with pytest.raises(StackError) as caught:
        backups.check_age([BACKUP], timedelta(hours=34), NOW)
    said = str(caught.value)
    assert "the newest backup ended 35 hours ago, at 2026-11-28 03:00:00+00; a deploy wants one of the last 34" in said
    assert "release_without_backup=true" in said


def test_its_messages_name_playbooks(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise StackError("there is no backup", "./stack backup makes one")

    monkeypatch.setitem(backups.ACTIONS, "list", fail)

    with pytest.raises(RolloutError) as caught:
        backups.run(argparse.Namespace(action=None))
    assert str(caught.value) == "there is no backup\n  playbooks/backup.yml makes one"


@pytest.mark.parametrize("given", [{"at": "", "to": ""}, {"at": "2026-11-29", "to": "latest"}])
def test_a_restore_wants_one_moment(given: dict[str, str]) -> None:
    repository = ServerRepository(PLACE, {}, stays=True)

    with pytest.raises(StackError, match="name a moment"):
        backups.choose(repository, argparse.Namespace(**given))


def test_the_passphrase_of_the_backups_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="nothing would open the backups any more"):
        renew_secret({"vault": str(tmp_path / "vault.yml"), "secret": "backup_passphrase"})


@pytest.mark.parametrize("name", ["release-0123456789ab", "release-0123456789ab-dirty-01234567"])
def test_a_release_names_a_moment(name: str) -> None:
    make.check_name(name)


def test_data_stops_last_and_nginx_and_the_repository_go_on(swarm: Swarm, kept: Records) -> None:
    release = staged("one")
    release["stack"]["services"]["backup"] = release["stack"]["services"]["db"]
    release["order"][0].append("backup")
    apply(swarm, kept, release)
    swarm.stacks["site"]["nginx"]["Spec"]["Mode"] = {"Global": {}}
    swarm.calls.clear()

    standstill.stop(swarm, kept, timeout=0)  # type: ignore[arg-type]

    assert swarm.calls == ["service scale --detach site_web=0 site_worker=0", "service scale --detach site_db=0"]


def test_a_container_that_does_not_stop_ends_the_restore(
    swarm: Swarm, kept: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(swarm, kept, plan("one"))
    monkeypatch.setattr(swarm, "run", lambda *_: "")

    with pytest.raises(RolloutError, match="web did not stop within 0 s"):
        standstill.stop(swarm, kept, timeout=0)  # type: ignore[arg-type]
