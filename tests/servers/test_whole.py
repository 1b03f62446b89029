"""The check that the cluster is complete, and the lock that keeps deploys away during maintenance."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rollout import lock, whole
from rollout.errors import RolloutError, TransientError
from tests.servers.memory import Json, Swarm, apply, plan
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from rollout.records import Records
    from rollout.smoke import Smoke

PROGRAM = Path(whole.__file__).parents[1]
HOLD = "import sys; from pathlib import Path; from rollout import whole; whole.hold(*sys.argv[1:4], Path(sys.argv[4]))"


class Cluster(Swarm):
    """Two active hosts and a drained one."""

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()
        #: Errors instead of Docker's answers, one for each query; the last one comes first.
        self.errors: list[TransientError] = []

    def nodes(self) -> list[Json]:
        if self.errors:
            raise self.errors.pop()

        def node(name: str, availability: str, address: str) -> Json:
            return {
                "ID": f"id-{name}",
                "Description": {"Hostname": name},
                "Status": {"State": "down" if name in self.away else "ready", "Addr": address},
                "Spec": {"Availability": availability, "Role": "manager"},
            }

        return [
            node("server-1", "active", "192.0.2.1"),
            node("server-2", "active", "192.0.2.2"),
            node("server-3", "drain", "192.0.2.3"),
        ]


@pytest.fixture
def cluster(kept: Records) -> Cluster:
    """Return a cluster that runs a release with a public address."""
    one, cluster = plan("one"), Cluster()
    one["stack"]["services"]["web"]["environment"] = {"PUBLIC_URL": "https://www.example.org"}
    apply(cluster, kept, one)
    return cluster


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "INTERVAL", 0.01)


class Site:
    """Answers requests to each host.

    Args:
        answers: address -> the host's ``/readyz``; the other hosts are ready.
    """

    def __init__(self, **answers: Json) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def fetch(self, address: str, path: str, _: Smoke) -> tuple[int, str]:
        assert path == "/readyz"
        self.asked.append(address)
        ready: dict[str, Any] = {"status": "ready", "failing": [], "dependencies": {}}
        return 200, json.dumps(self.answers.get(address, ready))


def missing(cluster: Cluster, kept: Records, site: Site) -> list[str]:
    return whole.missing(cluster, kept, site.fetch)  # type: ignore[arg-type]


def wait(cluster: Cluster, kept: Records, site: Site, seconds: float = 0) -> None:
    whole.wait(cluster, kept, seconds, site.fetch)  # type: ignore[arg-type]


def test_a_cluster_that_serves_is_whole_and_a_drained_host_is_not_asked(cluster: Cluster, kept: Records) -> None:
    site = Site()
    assert missing(cluster, kept, site) == []
    assert sorted(site.asked) == ["192.0.2.1", "192.0.2.2"]


def test_a_host_that_is_down_is_named_though_it_is_drained(cluster: Cluster, kept: Records) -> None:
    cluster.away = {"server-3"}
    assert missing(cluster, kept, Site()) == ["server-3 is down"]


def test_a_service_that_does_not_run_as_wanted_is_named(cluster: Cluster, kept: Records) -> None:
    cluster.broken = {"web:one"}
    assert missing(cluster, kept, Site()) == ["web: 0 of 1 run"]


def test_a_host_that_is_not_ready_is_named_with_its_reason(cluster: Cluster, kept: Records) -> None:
    away = {"status": "unavailable", "failing": ["redis"], "dependencies": {"redis": {"problem": "does not answer"}}}
    site = Site(**{"192.0.2.2": away})
    assert missing(cluster, kept, site) == ["server-2 is not ready: redis: does not answer"]


def test_before_the_first_release_only_hosts_count(kept: Records) -> None:
    assert missing(Cluster(), kept, Site()) == []


def test_what_is_missing_at_the_end_is_told(cluster: Cluster, kept: Records) -> None:
    cluster.away = {"server-1"}
    with pytest.raises(RolloutError, match=r"(?s)the cluster is not whole.*server-1 is down"):
        wait(cluster, kept, Site())


def test_a_docker_that_starts_anew_is_waited_for(cluster: Cluster, kept: Records) -> None:
    cluster.errors = [TransientError("Docker does not answer")]
    wait(cluster, kept, Site(), seconds=30)
    assert cluster.errors == []


def test_one_good_look_is_not_enough_after_a_restart(cluster: Cluster, kept: Records) -> None:
    """Until a restarted host reports, Swarm counts the containers from before the restart."""
    site = Site()
    wait(cluster, kept, site, seconds=30)
    assert len(site.asked) == 4


def test_deploys_are_kept_away_until_the_holder_is_told_to_end(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE * 60)
        holder = subprocess.Popen(
            [sys.executable, "-B", "-c", HOLD, "update", "Docker on server-1", "me@here", str(path)],
            env={**os.environ, "PYTHONPATH": str(PROGRAM), "NOTIFY_SOCKET": str(tmp_path / "notify")},
        )
        try:
            assert systemd.recv(99) == b"READY=1"
            assert lock.held(path)
            assert lock.describe(lock.read(path)).startswith("update of Docker on server-1 by me@here is at work since")
        finally:
            holder.send_signal(signal.SIGTERM)
            code = holder.wait(PATIENCE * 60)
    assert code == 0
    assert not lock.held(path)
    assert lock.read(path) == {}


def test_nobody_holds_what_a_deploy_has(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        lock.only_one("deploy", "one", "me", since="noon", patience=0, path=path),
        pytest.raises(RolloutError, match="deploy of one by me is at work since noon"),
    ):
        whole.hold("update", "Docker on server-1", "you", path)
