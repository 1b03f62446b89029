"""The replicas are spread over the hosts again after the loss of a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rollout import deployer, spread
from tests.servers.memory import Json, Swarm, apply, plan

if TYPE_CHECKING:
    from rollout.records import Records


def node(name: str, state: str = "ready", availability: str = "active", **labels: str) -> Json:
    return {
        "ID": name,
        "Description": {"Hostname": name, "Platform": {"OS": "linux", "Architecture": "x86_64"}},
        "Status": {"State": state},
        "Spec": {"Availability": availability, "Role": "worker", "Labels": labels},
    }


def service(*constraints: str, mode: str = "Replicated") -> Json:
    template = {"Placement": {"Constraints": list(constraints)}} if constraints else {}
    return {"ID": "s", "Spec": {"Mode": {mode: {}}, "TaskTemplate": template}}


def tasks(*hosts: str, state: str = "running") -> Json:
    return {"s": [{"NodeID": host, "DesiredState": "running", "Status": {"State": state}} for host in hosts]}


THREE = [node("a", **{"landfast.state": "true"}), node("b"), node("c")]


@pytest.mark.parametrize(
    ("hosts", "found"),
    [("aaa", ["web"]), ("abc", []), ("ab", []), ("aab", ["web"]), ("aabbc", []), ("a", []), ("aa", ["web"])],
)
def test_a_service_is_uneven_if_a_host_has_two_replicas_more_than_another(hosts: str, found: list[str]) -> None:
    assert spread.uneven({"web": service()}, tasks(*hosts), THREE) == found


@pytest.mark.parametrize(
    ("constraint", "found"),
    [
        ("node.labels.landfast.state == true", []),
        ("node.labels.landfast.state != true", []),
        ("node.platform.os == linux", ["web"]),
        ("node.hostname != b", ["web"]),
        ("node.hostname==a", []),
        ("node.role == manager", []),
        ("engine.labels.disk == ssd", []),
        ("a constraint of another form", []),
    ],
)
def test_hosts_that_may_not_run_a_service_do_not_count(constraint: str, found: list[str]) -> None:
    assert spread.uneven({"web": service(constraint)}, tasks("a", "a"), THREE) == found


@pytest.mark.parametrize("away", [node("b", state="down"), node("b", availability="drain")])
def test_hosts_that_take_no_containers_do_not_count(away: Json) -> None:
    assert spread.uneven({"web": service()}, tasks("a", "a"), [THREE[0], away]) == []


def test_only_replicas_that_run_count() -> None:
    assert spread.uneven({"web": service()}, tasks("a", "a", state="preparing"), THREE) == []
    assert spread.uneven({"nginx": service(mode="Global")}, tasks("a", "a"), THREE) == []


def test_uneven_services_are_restarted_until_they_are_spread(
    swarm: Swarm, kept: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(swarm, kept, plan("one"))
    swarm.calls.clear()
    found = iter([["web"], ["web"], [], []])
    monkeypatch.setattr(spread, "uneven", lambda *_: next(found))
    said: list[str] = []

    apply(swarm, kept, plan("one"), say=said.append, force=["uneven"])

    assert swarm.calls == ["service update --force --detach --quiet site_web"] * 2
    assert said[:3] == [
        *["web: restarted to spread the replicas over the hosts"] * 2,
        "all replicas are spread over the hosts",
    ]


def test_services_that_stay_uneven_are_named(swarm: Swarm, kept: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(swarm, kept, plan("one"))
    monkeypatch.setattr(spread, "uneven", lambda *_: ["web"])
    said: list[str] = []

    deployer.Deployer(swarm, said.append).rebalance(plan("one"))  # type: ignore[arg-type]

    assert said[-1] == "not spread evenly: web"
    assert len(said) == deployer.ROUNDS + 1
