"""Finds the services whose replicas are not spread over the hosts, as after the loss of one. Pure functions only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rollout import convergence, placement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rollout.convergence import Task
    from rollout.placement import Node


def uneven(
    services: Mapping[str, Mapping[str, Any]],
    tasks: Mapping[str, Sequence[Task]],
    nodes: Sequence[Node],
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
        healthy = Counter(task.get("NodeID") for task in convergence.healthy_tasks(tasks.get(service["ID"], [])))
        numbers = [healthy[node["ID"]] for node in nodes if placement.is_eligible(node, service)]
        if numbers and max(numbers) - min(numbers) > 1:
            found.append(name)
    return sorted(found)
