"""Watches a release after its deploy: if the release fails after a while, the previous one is restored."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rollout import judge
from rollout.errors import RolloutError, explained
from rollout.lock import only_one
from rollout.records import now
from rollout.roll import LINES, Roller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rollout.engine import Engine
    from rollout.records import Records

INTERVAL = 2.0
FAILED = 1


def taken_back(service: Mapping[str, Any]) -> bool:
    """Return whether Swarm has stopped or reversed the service's last update."""
    return str((service.get("UpdateStatus") or {}).get("State", "")).startswith(("rollback", "paused"))


def trouble(
    services: Mapping[str, dict[str, Any]],
    tasks: Mapping[str, Sequence[judge.Task]],
    before: judge.Before,
    known: frozenset[str],
) -> tuple[str, str]:
    """Return the service that fails, and why; empty strings if none does.

    Args:
        services: the stack's services.
        tasks: service id -> its tasks.
        before: the state when the watch began.
        known: ids of services that Swarm had rolled back before that.
    """
    for name, service in services.items():
        own = tasks.get(service["ID"], [])
        broken = judge.failed(own, before)
        if taken_back(service) and service["ID"] not in known:  # the failed tasks are those of the rolled back release
            said = broken[0]["Status"].get("Err", "") if broken else ""
            return name, said or service["UpdateStatus"].get("Message", "Swarm rolled the update back")
        current = [task for task in broken if judge.is_current(task, service)]
        if current:
            return name, f"a container failed: {current[0]['Status'].get('Err', '')}"
    return "", ""


def watch(engine: Engine, records: Records, options: Mapping[str, Any], tell: Callable[[str], None]) -> int:
    """Watch the current release for the seconds in ``options``, and roll back if it fails.

    Returns:
        The exit status: 0 if the release stays.
    """
    current = records.current
    if current is None:
        return 0
    name, began = records.plan(current.file)["name"], time.monotonic()
    services, tasks = engine.services(name), engine.tasks(name)
    known = frozenset(service["ID"] for service in services.values() if taken_back(service))
    over = (task for several in tasks.values() for task in several if task["Status"]["State"] in judge.FAILED)
    before = judge.Before(tasks=frozenset(task["ID"] for task in over))  # running tasks may still fail
    while time.monotonic() < began + float(options["watch"]):
        time.sleep(INTERVAL)
        try:
            services, tasks = engine.services(name), engine.tasks(name)
        except RolloutError:
            continue  # for example because Docker restarts
        service, why = trouble(services, tasks, before, known)
        if service:
            task = judge.telling(tasks.get(services[service]["ID"], []), before)
            lines = engine.logs(task["ID"], LINES) if task else ()
            return go_back(engine, records, options, RolloutError(f"{service}: {why}", lines), tell)
    return 0


def go_back(
    engine: Engine,
    records: Records,
    options: Mapping[str, Any],
    error: RolloutError,
    tell: Callable[[str], None],
) -> int:
    """Restore the previous release.

    Returns:
        The exit status.
    """
    began, history = time.monotonic(), records.history
    current, earlier = history[-1], history[:-1]
    tell(str(error))
    if not earlier:
        records.log(
            what="watch", release=current.release, who=options["who"], seconds=0,
            outcome=f"FAILED ({error.reason}); nothing ran before",
        )  # fmt: skip
        return FAILED
    try:
        with only_one("watch", current.release, options["who"], since=now(), patience=60):
            Roller(engine, tell).back(records.plan(earlier[-1].file))
            records.forget_current()
            outcome = f"{earlier[-1].release} is back"
    except Exception as second:  # noqa: BLE001 - no caller waits for this error, so it goes into the record
        found = explained(second)
        tell(str(found))
        outcome = f"and {earlier[-1].release} did not come back: {found.reason}"
    records.log(
        what="watch", release=current.release, who=options["who"], seconds=time.monotonic() - began,
        outcome=f"FAILED after its deploy ({error.reason}); {outcome}",
    )  # fmt: skip
    return FAILED
