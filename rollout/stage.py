"""Selects the groups of a rollout in their order, and the stack file for each step. Pure functions only.

Swarm updates all services of a file at once, and leaves all other services alone. So each step has a file with only its
own services: if a later file named a service again, Swarm would forget its previous state, and so its rollback.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Stack = dict[str, Any]


def stage(stack: Mapping[str, Any], services: Collection[str]) -> Stack:
    """Return the part of ``stack`` with ``services`` and everything that they may use."""
    return {**stack, "services": {name: stack["services"][name] for name in sorted(services)}}


def backward(plan: Mapping[str, Any], *, data_first: bool = False) -> list[list[str]]:
    """Return the groups of services in the order of a rollback to ``plan``. Its migrations do not run again.

    A deploy goes from data over one-shots, services that visitors wait for, and other services to Nginx. Most of a
    rollback is in the opposite order, so that a service meets only those that it has met during the deploy:

    1. One-shots come first, because they provide files for the services of their release.
    2. Nginx comes before the services that it calls: the former Nginx has called the newer services in the deploy.
       The newer Nginx may call a port at which a former service does not listen.
    3. Data services come after the services that visitors wait for. A newer service may need a user or a permission
       that the former data services do not have.
    4. Other services (workers) come last. Until then the newer ones complete tasks that the former ones do not know.
       The former ones may have no access to a newer broker, and would never be healthy.

    Args:
        plan: the former release.
        data_first: whether data services come first, because they fail, and other services with them.
    """
    services = plan["stack"]["services"]
    present = [[name for name in group if name in services] for group in plan["order"]]
    once = [name for group in present for name in group if runs_once(services[name])]
    lasting = [[name for name in group if name not in once] for group in present]
    data, *between = [group for group in lasting if group] or [[]]
    edge, visited, others = between[-1:], between[:-1][:1], between[:-1][1:]
    order = [[data], [once], edge, visited, others] if data_first else [[once], edge, visited, [data], others]
    return [group for groups in order for group in groups if group]


def runs_once(service: Mapping[str, Any]) -> bool:
    """Return whether a service of a stack file runs to its end on each node."""
    return str(service["deploy"].get("mode", "")).endswith("-job")


def digest(image: str) -> str:
    """Return the image's digest, which identifies it."""
    return image.rpartition("@")[2]


def keep_unchanged_images(stack: Mapping[str, Any], running: Mapping[str, str]) -> Stack:
    """Return ``stack`` with the running name of each image that has not changed.

    A release names all of its images by its own commit; a service must not restart for a new name of the same image.

    Args:
        stack: the stack of the release.
        running: service -> the image that it runs.
    """
    kept = copy.deepcopy(dict(stack))
    for name, service in kept["services"].items():
        if name in running and digest(running[name]) == digest(service["image"]):
            service["image"] = running[name]
    return kept


def is_same(service: Mapping[str, Any], secrets: Mapping[str, Any], running: Mapping[str, Any] | None) -> bool:
    """Return whether a running service has the image and the secrets of one in a stack file.

    Args:
        service: the service in the stack file.
        secrets: the secrets of the stack file.
        running: the running service; None if there is none.
    """
    if running is None:
        return False
    container = running["Spec"]["TaskTemplate"]["ContainerSpec"]
    present = {entry["SecretName"] for entry in container.get("Secrets") or []}
    wanted = {secrets[entry["source"]]["name"] for entry in service.get("secrets", [])}
    return digest(container["Image"]) == digest(service["image"]) and present == wanted


def with_secrets(file: Mapping[str, Any], names: Mapping[str, str]) -> Stack:
    """Return ``file`` with the current versions of its secrets.

    Args:
        file: the stack file of a release, perhaps of an earlier one.
        names: secret -> its current name in Swarm.
    """
    current = {key: {**entry, "name": names.get(key, entry["name"])} for key, entry in file["secrets"].items()}
    return {**file, "secrets": current}


def with_replicas(stack: Mapping[str, Any], replicas: Mapping[str, int]) -> Stack:
    """Return ``stack`` with other numbers of containers.

    Args:
        stack: the stack of the release.
        replicas: service -> number.

    Raises:
        RolloutError: a service is unknown, or must have exactly one container.
    """
    changed = copy.deepcopy(dict(stack))
    scalable = [name for name, service in changed["services"].items() if may_be_several(service)]
    refused = sorted(set(replicas) - set(scalable))
    if refused:
        raise RolloutError(f"{', '.join(refused)} cannot be scaled; those that can: {', '.join(sorted(scalable))}")
    for name, number in replicas.items():
        if number < 0:
            raise RolloutError(f"there cannot be {number} containers of {name}")
        changed["services"][name]["deploy"]["replicas"] = number
    return changed


def may_be_several(service: Mapping[str, Any]) -> bool:
    """Return whether a service may have several containers: it may if its new one starts beside the old one."""
    deploy = service["deploy"]
    return "replicas" in deploy and deploy.get("update_config", {}).get("order") == "start-first"
