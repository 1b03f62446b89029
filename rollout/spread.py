"""Finds the services whose replicas are not spread over the hosts, as after the loss of one. Pure functions only."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rollout.convergence import Task

_CONSTRAINT = re.compile(r"\s*(\S+?)\s*(==|!=)\s*(.+?)\s*")


def uneven(
    services: Mapping[str, Mapping[str, Any]],
    tasks: Mapping[str, Sequence[Task]],
    nodes: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Return the services of which one host has at least two replicas more than another host that may run them.

    Args:
        services: the stack's services.
        tasks: service id -> its tasks.
        nodes: Swarm's nodes.
    """
    found = []
    for name, service in services.items():
        if "Replicated" not in service["Spec"]["Mode"]:
            continue
        hosts = eligible(service, nodes)
        running = Counter(task.get("NodeID") for task in tasks.get(service["ID"], []) if is_running(task))
        numbers = [running[host] for host in hosts]
        if numbers and max(numbers) - min(numbers) > 1:
            found.append(name)
    return sorted(found)


def is_running(task: Task) -> bool:
    """Return whether a task runs, and shall go on."""
    return bool(task["DesiredState"] == task["Status"]["State"] == "running")


def eligible(service: Mapping[str, Any], nodes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the ids of the nodes that take containers of a service; none if a constraint is not understood."""
    placement = service["Spec"]["TaskTemplate"].get("Placement") or {}
    constraints = [_CONSTRAINT.fullmatch(text) for text in placement.get("Constraints") or []]
    return [
        node["ID"]
        for node in nodes
        if node["Status"]["State"] == "ready"
        and node["Spec"]["Availability"] == "active"
        and all(each and holds(node, *each.groups()) for each in constraints)
    ]


def holds(node: Mapping[str, Any], key: str, operator: str, wanted: str) -> bool:
    """Return whether a node meets a constraint; it does not if the key is unknown."""
    found = value(node, key)
    return found is not None and (found == wanted) == (operator == "==")


def value(node: Mapping[str, Any], key: str) -> str | None:
    """Return the value of a node that a constraint names; None if it has none."""
    spec, description = node["Spec"], node.get("Description") or {}
    if key.startswith("node.labels."):
        return str((spec.get("Labels") or {}).get(key.removeprefix("node.labels."), ""))
    known: dict[str, str | None] = {
        "node.id": node["ID"],
        "node.hostname": description.get("Hostname"),
        "node.role": spec.get("Role"),
        "node.platform.os": (description.get("Platform") or {}).get("OS"),
        "node.platform.arch": (description.get("Platform") or {}).get("Architecture"),
    }
    return known.get(key)
