"""The nodes that should run a service of every node, and what is missing there."""

from __future__ import annotations

from typing import Any

import pytest

from rollout import convergence, status
from rollout.placement import fits, is_eligible

Json = dict[str, Any]

STALE_LINK = "network sandbox join failed: error creating vxlan interface: file exists"


def node(number: int, state: str = "ready", availability: str = "active") -> Json:
    return {
        "ID": f"n{number}",
        "Description": {
            "Hostname": f"server-{number}",
            "Platform": {"OS": "linux", "Architecture": "x86_64"},
            "Engine": {"Labels": {"storage": "ssd"}},
        },
        "Status": {"State": state, "Addr": f"192.0.2.{number}"},
        "Spec": {"Availability": availability, "Role": "worker", "Labels": {"landfast.state": "true"}},
    }


NODES = [node(1), node(2), node(3)]


def service(*constraints: str, desired: int = 0, mode: str = "Global") -> Json:
    return {
        "ID": "s",
        "Spec": {
            "Mode": {mode: {}},
            "TaskTemplate": {
                "ContainerSpec": {"Image": "nginx:one@sha256:1"}, "Placement": {"Constraints": list(constraints)}
            },
        },
        "ServiceStatus": {"DesiredTasks": desired},
    }  # fmt: skip


def task(number: int, state: str = "running", *, desired: str = "running", error: str = "") -> Json:
    return {
        "ID": f"t{number}",
        "NodeID": f"n{number}",
        "Spec": service()["Spec"]["TaskTemplate"],
        "DesiredState": desired,
        "Status": {"State": state, "Err": error},
    }


#: The first host rejects each container. Swarm waits for the next attempt, and counts no container there meanwhile.
REJECTING = [
    task(2),
    task(3),
    task(1, "ready", desired="ready"),
    task(1, "rejected", desired="shutdown", error=STALE_LINK),
]


def test_a_host_that_rejects_each_container_counts_though_swarm_does_not_count_it() -> None:
    nginx = service(desired=2)

    assert convergence.desired_number(nginx, REJECTING, NODES) == 3
    assert not convergence.converged(nginx, REJECTING, NODES)
    assert convergence.converged(nginx, [task(1), task(2), task(3)], NODES)
    assert status.service_row("nginx", nginx, REJECTING, NODES) == ("nginx", "2/3", "one", "server-2, server-3")


def test_status_names_the_host_and_docker_s_reason() -> None:
    services, tasks = {"nginx": service()}, {"s": REJECTING}

    assert status.absences(services, tasks, NODES) == [f"server-1: nginx does not run there: {STALE_LINK}"]
    assert status.absences(services, {}, NODES[:1]) == ["server-1: nginx does not run there"]
    assert status.absences({"web": service(desired=2, mode="Replicated")}, tasks, NODES) == []


@pytest.mark.parametrize("away", [node(1, "down"), node(1, availability="drain"), node(1, availability="pause")])
def test_a_host_that_takes_no_containers_is_not_missed(away: Json) -> None:
    rest = [task(2), task(3)]

    assert convergence.converged(service(), rest, [away, *NODES[1:]])
    assert status.absences({"nginx": service()}, {"s": rest}, [away, *NODES[1:]]) == []


def test_a_paused_host_keeps_its_container() -> None:
    paused = [node(1, availability="pause"), *NODES[1:]]

    assert convergence.converged(service(), [task(1), task(2), task(3)], paused)


def test_a_service_with_a_number_of_containers_has_swarm_s() -> None:
    web = service(desired=2, mode="Replicated")

    assert convergence.desired_number(web, [task(1)], NODES) == 2


@pytest.mark.parametrize(
    ("constraint", "fitting"),
    [
        ("node.labels.landfast.state == true", True),
        ("node.labels.landfast.state==TRUE", True),
        ("node.labels.landfast.state != true", False),
        ("node.labels.disk == fast", False),
        ("node.labels.disk != fast", True),
        ("engine.labels.storage == ssd", True),
        ("node.role == worker", True),
        ("node.role != manager", True),
        ("node.id == n1", True),
        ("node.hostname == server-2", False),
        ("node.platform.os == linux", True),
        ("node.platform.arch == x86_64", True),
        ("node.ip == 192.0.2.1", True),
        ("node.ip == 192.0.2.0/24", True),
        ("node.ip == 198.51.100.0/24", False),
        ("node.ip != 198.51.100.0/24", True),
        ("node.ip == here", False),
        ("nonsense", False),
    ],
)
def test_constraints_mean_what_they_mean_to_swarm(constraint: str, *, fitting: bool) -> None:
    assert fits(NODES[0], constraint) is fitting
    assert is_eligible(NODES[0], service(constraint)) is fitting
    assert is_eligible(NODES[0], service("node.id == n1", constraint)) is fitting
