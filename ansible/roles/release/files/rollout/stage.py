"""Which stack file Swarm gets when: pure.

Swarm updates all services of a file at once. So each step of a roll gives it the new services up to there and the old
release's for all others; what is the same in two files, Swarm does not touch.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Stack = dict[str, Any]

PARTS = ("networks", "volumes", "secrets")


def stage(new: Mapping[str, Any], old: Mapping[str, Any] | None, rolled: Collection[str]) -> Stack:
    """Return the file in which the services ``rolled`` are new and all others as they were.

    Args:
        new: the release's stack file.
        old: the stack file of what runs, if anything does.
        rolled: services that are new already, or become so with this file.
    """
    before = (old or {}).get("services", {})
    services = {name: service for name, service in before.items() if name not in rolled}
    services |= {name: new["services"][name] for name in new["services"] if name in rolled}
    parts = {part: {**(old or {}).get(part, {}), **new.get(part, {})} for part in PARTS}
    # A secret has one version in a file: the old services' entries are renamed where theirs is another.
    services = {
        name: service if name in rolled else with_old_secrets(service, old or {}, new, parts["secrets"])
        for name, service in services.items()
    }
    return {"version": new["version"], "services": dict(sorted(services.items())), **parts}


def with_old_secrets(
    service: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any], secrets: dict[str, Any]
) -> dict[str, Any]:
    """Return a service of the old release that keeps the versions of its secrets.

    Args:
        service: the service.
        old: its stack file.
        new: the new one.
        secrets: the secrets of the file to come; old versions are added.
    """
    entries = []
    for entry in service.get("secrets", []):
        key = entry["source"]
        if key in new.get("secrets", {}) and new["secrets"][key] != old["secrets"][key]:
            secrets[f"{key}-before"] = old["secrets"][key]
            entries.append({**entry, "source": f"{key}-before"})
        else:
            entries.append(entry)
    return {**service, "secrets": entries} if entries else dict(service)


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
    """
    changed = copy.deepcopy(dict(stack))
    for name, number in replicas.items():
        changed["services"][name]["deploy"]["replicas"] = number
    return changed
