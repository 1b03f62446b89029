"""Which stack file Swarm gets when: pure.

Swarm updates all services of a file at once, and leaves alone what is not in it. So each step of a roll has a file with
its own services and no others: to name one again would make Swarm forget what it was before, and with it the way back.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Stack = dict[str, Any]


def stage(stack: Mapping[str, Any], services: Collection[str]) -> Stack:
    """Return the part of ``stack`` that has ``services`` and all that they may use."""
    return {**stack, "services": {name: stack["services"][name] for name in sorted(services)}}


def digest(image: str) -> str:
    """Return what tells two images apart."""
    return image.rpartition("@")[2]


def keep_unchanged_images(stack: Mapping[str, Any], running: Mapping[str, str]) -> Stack:
    """Return ``stack`` with each image that has not changed under the name it runs by.

    A release names all of its images by its own commit; a service whose image is the same must not restart for that.

    Args:
        stack: the release's.
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
        file: a release's, perhaps an earlier one.
        names: secret -> its name in Swarm now.
    """
    current = {key: {**entry, "name": names.get(key, entry["name"])} for key, entry in file["secrets"].items()}
    return {**file, "secrets": current}


def with_replicas(stack: Mapping[str, Any], replicas: Mapping[str, int]) -> Stack:
    """Return ``stack`` with other numbers of containers.

    Args:
        stack: the release's.
        replicas: service -> number.

    Raises:
        RolloutError: a service is unknown, or there must be one container of it.
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
    """Return whether a service may have several containers: whose new one starts beside the old one may."""
    deploy = service["deploy"]
    return "replicas" in deploy and deploy.get("update_config", {}).get("order") == "start-first"
