"""Stops all services for a restore of their data. A deploy, or the running release once more, starts them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rollout import convergence
from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from rollout.engine import Engine
    from rollout.records import Records

INTERVAL = 0.5
#: Seconds within which all containers have stopped: the longest grace period, and a slow host.
STOP_TIMEOUT = 600.0
#: The service that a restore reads from.
REPOSITORY = "backup"


def stop(
    engine: Engine, records: Records, report: Callable[[str], None] = lambda _: None, timeout: float = STOP_TIMEOUT
) -> None:
    """Stop all services that have replicas, but the repository of backups: those with data last. Nginx goes on.

    Args:
        engine: Docker.
        records: the records of releases.
        report: reports progress.
        timeout: seconds within which the containers of one step have stopped.

    Raises:
        RolloutError: no release runs, or a container does not stop.
    """
    plan = records.plan(records.running().file)
    name, data = plan["name"], set(plan["order"][0])
    present = {service for service, entry in engine.services(name).items() if "Replicated" in entry["Spec"]["Mode"]} - {
        REPOSITORY
    }
    for chosen in (sorted(present - data), sorted(present & data)):
        if chosen:
            engine.run("service", "scale", "--detach", *(f"{name}_{service}=0" for service in chosen))
            wait(engine, name, chosen, timeout)
            report(f"stopped: {', '.join(chosen)}")


def wait(engine: Engine, name: str, services: Collection[str], timeout: float) -> None:
    """Wait until no container of ``services`` runs.

    Raises:
        RolloutError: one runs still.
    """
    deadline = time.monotonic() + timeout
    while left := running(engine, name, services):
        if time.monotonic() > deadline:
            raise RolloutError(f"{', '.join(left)} did not stop within {timeout:.0f} s")
        time.sleep(INTERVAL)


def running(engine: Engine, name: str, services: Collection[str]) -> Sequence[str]:
    """Return those of ``services`` that have a container which has not ended."""
    present, tasks = engine.services(name), engine.tasks(name)
    ids = {service: present[service]["ID"] for service in services if service in present}
    return [
        service
        for service, id_ in ids.items()
        if any(task["Status"]["State"] not in convergence.ENDED for task in tasks.get(id_, []))
    ]
