"""Watches a release after its deploy: if the release fails after a while, the previous one is restored."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rollout import convergence
from rollout.deployer import LINES, Deployer
from rollout.errors import RolloutError, explained
from rollout.lock import only_one
from rollout.records import is_older, now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rollout.engine import Engine
    from rollout.records import Records

INTERVAL = 2.0
FAILED = 1


def reversed_by_swarm(service: Mapping[str, Any]) -> bool:
    """Return whether Swarm has stopped or reversed the service's last update."""
    return str((service.get("UpdateStatus") or {}).get("State", "")).startswith(("rollback", "paused"))


def failing_service(
    services: Mapping[str, dict[str, Any]],
    tasks: Mapping[str, Sequence[convergence.Task]],
    before: convergence.Snapshot,
    known: frozenset[str],
) -> tuple[str, str]:
    """Return the first service that fails, and the reason; empty strings if none fails.

    Args:
        services: the stack's services.
        tasks: service id -> its tasks.
        before: the state when the watch began.
        known: ids of services that Swarm had already rolled back then.
    """
    for name, service in services.items():
        own = tasks.get(service["ID"], [])
        broken = convergence.failed_tasks(own, before)
        if reversed_by_swarm(service) and service["ID"] not in known:  # the failed tasks belong to the reverted release
            error = broken[0]["Status"].get("Err", "") if broken else ""
            return name, error or service["UpdateStatus"].get("Message", "Swarm rolled the update back")
        current = [task for task in broken if convergence.is_current(task, service)]
        if current:
            return name, f"a container failed: {current[0]['Status'].get('Err', '')}"
    return "", ""


def watch(engine: Engine, records: Records, options: Mapping[str, Any], report: Callable[[str], None]) -> int:
    """Watch the current release for the seconds in ``options``, and roll back if it fails.

    Returns:
        The exit status: 0 if the release stays.
    """
    current = records.current
    if current is None:
        return 0
    name, began = records.plan(current.file)["name"], time.monotonic()
    services, tasks = engine.services(name), engine.tasks(name)
    known = frozenset(service["ID"] for service in services.values() if reversed_by_swarm(service))
    over = (task for several in tasks.values() for task in several if task["Status"]["State"] in convergence.FAILED)
    before = convergence.Snapshot(tasks=frozenset(task["ID"] for task in over))  # running tasks can still fail
    while time.monotonic() < began + float(options["watch"]):
        time.sleep(INTERVAL)
        try:
            services, tasks = engine.services(name), engine.tasks(name)
        except RolloutError:
            continue  # Docker may be restarting, for example
        service, why = failing_service(services, tasks, before, known)
        if service:
            task = convergence.most_informative(tasks.get(services[service]["ID"], []), before)
            lines = engine.logs(task["ID"], LINES) if task else ()
            return roll_back(engine, records, options, RolloutError(f"{service}: {why}", lines), report)
    return 0


def roll_back(
    engine: Engine,
    records: Records,
    options: Mapping[str, Any],
    error: RolloutError,
    report: Callable[[str], None],
) -> int:
    """Restore the previous release.

    Returns:
        The exit status.
    """
    began, history = time.monotonic(), records.history
    current, earlier = history[-1], history[:-1]
    report(str(error))
    if not earlier:
        records.log(
            what="watch", release=current.release, who=options["who"], seconds=0,
            outcome=f"FAILED ({error.reason}); nothing ran before",
        )  # fmt: skip
        return FAILED
    try:
        with only_one("watch", current.release, options["who"], since=now(), patience=60):
            back = is_older(earlier[-1].file, current.file)
            Deployer(engine, report).rollback(records.plan(earlier[-1].file), back=back)
            records.forget_current()
            outcome = f"{earlier[-1].release} is back"
    except Exception as second:  # noqa: BLE001 - no caller waits for this error, so it goes into the record
        found = explained(second)
        report(str(found))
        outcome = f"and {earlier[-1].release} did not come back: {found.reason}"
    records.log(
        what="watch", release=current.release, who=options["who"], seconds=time.monotonic() - began,
        outcome=f"FAILED after its deploy ({error.reason}); {outcome}",
    )  # fmt: skip
    return FAILED
