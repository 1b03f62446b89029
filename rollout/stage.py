"""Selects the stack file for each step of a rollout. Pure functions only.

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
