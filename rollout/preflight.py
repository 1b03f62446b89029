"""Checks of the cluster before a release is sent to it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from rollout import lock
from rollout.errors import BusyError, RolloutError
from rollout.records import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rollout.engine import Engine


def problems(nodes: Sequence[Mapping[str, Any]], info: Mapping[str, Any], *, away: bool = False) -> list[str]:
    """Return the problems of the cluster.

    Args:
        nodes: Swarm's nodes.
        info: the daemon's own information.
        away: whether nodes may be down.
    """
    found = []
    for node in nodes:
        state, name = node["Status"]["State"], node["Description"]["Hostname"]
        if state != "ready" and not away:
            found.append(f"{name} is {state}: bring it back, or take it out with replace.yml or remove.yml")
    if not any(node["Spec"].get("Labels", {}).get("landfast.state") == "true" for node in nodes):
        found.append("no node has the label landfast.state=true: site.yml gives it to landfast_state_host")
    if not any("no-new-privileges" in option for option in info.get("SecurityOptions", [])):
        found.append("Docker here does not set no-new-privileges for all containers: site.yml does that")
    return found


def check_lock(release: str) -> None:
    """Make sure that no other release is being deployed.

    Args:
        release: the release that may be in progress, because the deploy waits for it.

    Raises:
        BusyError: another release is being deployed.
    """
    if lock.held():
        holder = lock.read()
        if not release or holder.get("release") != release:
            raise BusyError(lock.describe(holder))


def check(engine: Engine, release: str, minimum_mb: int, *, away: bool = False) -> None:
    """Make sure that a release can be deployed.

    Args:
        engine: Docker.
        release: its name.
        minimum_mb: free disk that it needs on this manager.
        away: whether nodes may be down: a lost host prevents no rollback.

    Raises:
        BusyError: another release is being deployed.
        RolloutError: the cluster is not in order.
    """
    check_lock(release)
    found = problems(engine.nodes(), engine.get("/info"), away=away)
    free = shutil.disk_usage(FOLDER).free >> 20
    if free < minimum_mb:
        found.append(f"{free} MB of disk are free here, {minimum_mb} are needed")
    if found:
        raise RolloutError("the cluster is not in order", tuple(found))
