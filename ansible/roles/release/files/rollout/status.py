"""How things are, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rollout import judge, lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rollout.engine import Engine
    from rollout.records import Records

LAST = 5


def describe(engine: Engine, records: Records) -> str:
    """Return release, nodes, services with where their containers run, and the last deploys."""
    nodes, current = engine.nodes(), records.current
    name = records.plan(current.file)["name"] if current else "landfast"
    hosts = {node["ID"]: node["Description"]["Hostname"] for node in nodes}
    services, tasks = engine.services(name), engine.tasks(name)
    title = f"release {current.release}, since {current.at} by {current.who}" if current else "no release yet"
    rows = [service_row(key, services[key], tasks.get(services[key]["ID"], []), hosts) for key in sorted(services)]
    busy = lock.read() if lock.held() else {}
    parts = [
        title,
        *([lock.describe(busy)] if busy else []),
        "",
        columns([("NODE", "STATE", "AVAILABILITY", "ROLE"), *map(node_row, nodes)]),
        "",
        columns([("SERVICE", "HEALTHY", "RELEASE", "NODES"), *rows]),
    ]
    log = records.folder / "log"
    if log.exists():
        parts += ["", *log.read_text(encoding="utf-8").splitlines()[-LAST:]]
    return "\n".join(parts)


def node_row(node: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a node's line."""
    leader = " (leader)" if node.get("ManagerStatus", {}).get("Leader") else ""
    return (
        node["Description"]["Hostname"],
        node["Status"]["State"],
        node["Spec"]["Availability"],
        node["Spec"]["Role"] + leader,
    )


def service_row(
    name: str, service: Mapping[str, Any], tasks: Sequence[judge.Task], hosts: Mapping[str, str]
) -> tuple[str, ...]:
    """Return a service's line."""
    entry = dict(service)
    image = entry["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
    release = image.partition("@")[0].rpartition(":")[2]
    if judge.is_job(entry):
        return name, "done" if judge.job_ended(entry, tasks) else "at work", release, ""
    running = [task for task in tasks if task["Status"]["State"] == "running" and task["DesiredState"] == "running"]
    wanted = entry["ServiceStatus"]["DesiredTasks"]
    where = ", ".join(sorted(hosts.get(task.get("NodeID", ""), "?") for task in running))
    return name, f"{len(running)}/{wanted}", release, where


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Return ``rows`` with aligned columns."""
    table = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)
