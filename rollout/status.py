"""The status of the cluster, for people."""

from __future__ import annotations

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rollout import convergence, fresh_packages, lock, smoke

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rollout.engine import Engine
    from rollout.placement import Node
    from rollout.records import Records
    from rollout.shared import Run

    Host = Mapping[str, Any]
    Fetch = Callable[[str, str, smoke.Smoke], tuple[int, str]]

LAST = 5
READY = "/readyz"
#: The console's pages with the reasons, which ``/readyz`` does not tell.
REASONS, TASKS = "/console/readiness/", "/console/outbox/task/"
UNKNOWN = "?"


def describe(
    engine: Engine,
    records: Records,
    hosts: Sequence[Host] = (),
    fetch: Fetch = smoke.fetch,
    now: float | None = None,
    run: Run | None = None,
) -> str:
    """Return the release, the nodes' states, the services and their hosts, the problems, and the last deploys.

    Args:
        engine: Docker.
        records: the records of releases.
        hosts: the report of each host (host.Report); hosts without a report are shown as unknown.
        fetch: requests a page from an address.
        now: seconds since 1970; the current time by default.
        run: the change that the managers know to be at work.
    """
    nodes, current = engine.nodes(), records.current
    plan = records.plan(current.file) if current else {}
    name = records.stack
    names = {node["ID"]: node["Description"]["Hostname"] for node in nodes}
    services, tasks = engine.services(name), engine.tasks(name)
    title = f"release {current.release}, since {current.at} by {current.who}" if current else "no release yet"
    rows = [service_row(key, services[key], tasks.get(services[key]["ID"], []), nodes) for key in sorted(services)]
    reports = {host["name"]: host for host in hosts}
    documents = readiness(nodes, site(plan), fetch)
    today = datetime.now(timezone.utc).timestamp() if now is None else now
    heading = ("NODE", "STATE", "AVAILABILITY", "ROLE", "READY", "DISK FREE", "MEMORY FREE", "CERTIFICATE")
    parts = [
        title,
        *(fresh_packages.describe(records) if current else []),
        *at_work(nodes, run),
        "",
        columns([heading, *(node_row(node, reports.get(names[node["ID"]]), documents, today) for node in nodes)]),
        "",
        columns([("SERVICE", "HEALTHY", "RELEASE", "NODES"), *rows]),
    ]
    waiting = [*attention(nodes, reports, documents), *absences(services, tasks, nodes)]
    if waiting:
        parts += ["", "LOOK AT", *(f"  {line}" for line in waiting)]
    lines = records.log_lines()[-LAST:]
    if lines:
        parts += ["", *lines]
    return "\n".join(parts)


def at_work(nodes: Sequence[Mapping[str, Any]], run: Run | None) -> list[str]:
    """Return the lines about the change at work, here or on another manager, or about an interrupted one.

    Args:
        nodes: Swarm's nodes.
        run: the change that the managers know to be at work.
    """
    busy = lock.read() if lock.held() else {}
    if busy:
        return [lock.describe(busy)]
    if run is None:
        return []
    here = run.host == socket.gethostname()
    ready = any(node["Description"]["Hostname"] == run.host and node["Status"]["State"] == "ready" for node in nodes)
    if ready and not here:
        return [f"{run} is at work on {run.host} since {run.since}"]
    state = "restarted" if here else "is down"
    end = f"{run.host} restores the release above at its boot (journalctl -u landfast-resume)"
    return [f"INTERRUPTED: {run}, since {run.since}: {run.host} {state}; {end}"]


def cut_off(records: Records, problem: str) -> str:
    """Return the status of a manager that reaches no majority of the managers: it only knows what was recorded.

    Args:
        records: the records of releases.
        problem: the reason.
    """
    current = records.current
    title = f"release {current.release}, since {current.at} by {current.who}" if current else "no release yet"
    return "\n".join(
        (
            f"CUT OFF: {socket.gethostname()} is without a majority of the managers: {problem}",
            "It does not know what runs now; ask another manager. docs/runbooks/host-not-ready.md has more.",
            "",
            f"as last recorded here: {title}",
            *records.log_lines()[-LAST:],
        )
    )


def site(plan: Mapping[str, Any]) -> str:
    """Return the site's name in a plan; an empty string if no service has it."""
    services = (plan.get("stack") or {}).get("services", {}).values()
    addresses = [(service.get("environment") or {}).get("PUBLIC_URL", "") for service in services]
    return next((urlsplit(address).hostname or "" for address in addresses if address), "")


def readiness(nodes: Sequence[Mapping[str, Any]], name: str, fetch: Fetch) -> dict[str, dict[str, Any]]:
    """Return the report of ``/readyz`` at every serving node, by the node's id; an error becomes a report, too.

    Args:
        nodes: Swarm's nodes.
        name: the site's name; without one no request is sent.
        fetch: requests a page from an address.
    """

    def request(node: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        try:
            _, body = fetch(node["Status"]["Addr"], READY, smoke.Smoke(name, (), verify=False))
            document = json.loads(body)
        except (OSError, ValueError, http.client.HTTPException) as error:
            document = error
        if not isinstance(document, dict) or "dependencies" not in document:
            problem = f"gives no report: {document or type(document).__name__}"
            document = {"status": "unavailable", "failing": [READY], "dependencies": {READY: {"problem": problem}}}
        return node["ID"], document

    serving = [
        node for node in nodes if node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active"
    ]
    if not name or not serving:
        return {}
    with ThreadPoolExecutor(len(serving)) as pool:
        return dict(pool.map(request, serving))


def attention(
    nodes: Sequence[Mapping[str, Any]], hosts: Mapping[str, Host], documents: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return the problems for an operator, each of them once.

    Args:
        nodes: Swarm's nodes.
        hosts: the report of each host, by its name.
        documents: the report of ``/readyz`` at each node, by the node's id.
    """
    lines: dict[str, None] = {}
    for node in nodes:
        name = node["Description"]["Hostname"]
        problems = (hosts.get(name) or {}).get("problems") or {}
        lines |= dict.fromkeys(f"{name}: {problem}" for problem in problems.values())
    for node in nodes:
        document = documents.get(node["ID"]) or {}
        dependencies = document.get("dependencies") or {}
        for dependency in document.get("failing") or []:
            problem = (dependencies.get(dependency) or {}).get("problem", f"not ready ({REASONS})")
            where = f"{node['Description']['Hostname']}: " if dependency == READY else ""
            lines[f"{where}{dependency}: {problem}"] = None
        waiting = document.get("attention") or []
        lines |= dict.fromkeys(f"{name}: tasks failed for good, or are tried again ({TASKS})" for name in waiting)
    return list(lines)


def absences(
    services: Mapping[str, Mapping[str, Any]], tasks: Mapping[str, Sequence[convergence.Task]], nodes: Sequence[Node]
) -> list[str]:
    """Return a line for each host on which a service of every host does not run, with the reason that Docker gave.

    Args:
        services: the stack's services.
        tasks: service id -> its tasks, newest first.
        nodes: Swarm's nodes.
    """
    names = {node["ID"]: node["Description"]["Hostname"] for node in nodes}
    return [
        f"{names[node]}: {name} does not run there{f': {error}' if error else ''}"
        for name, service in sorted(services.items())
        for node, error in convergence.lacking(dict(service), tasks.get(service["ID"], []), nodes).items()
    ]


def node_row(
    node: Mapping[str, Any], host: Host | None, documents: Mapping[str, Mapping[str, Any]], now: float
) -> tuple[str, ...]:
    """Return a node's line.

    Args:
        node: Swarm's node.
        host: its report; None if there is none.
        documents: the report of ``/readyz`` at each node, by the node's id.
        now: seconds since 1970.
    """
    leader = " (leader)" if node.get("ManagerStatus", {}).get("Leader") else ""
    document = documents.get(node["ID"])
    ready = UNKNOWN if document is None else "yes" if document.get("status") == "ready" else "no"
    disk, memory, certificate = UNKNOWN, UNKNOWN, UNKNOWN
    if host:
        disk = f"{gigabytes(host['disk_free_mb'])} of {gigabytes(host['disk_mb'])} GB"
        memory = f"{gigabytes(host['memory_free_mb'])} of {gigabytes(host['memory_mb'])} GB"
        ends = host.get("certificate_ends")
        certificate = "none" if ends is None else f"{int((ends - now) // 86400)} days"
    return (
        node["Description"]["Hostname"],
        node["Status"]["State"],
        node["Spec"]["Availability"],
        node["Spec"]["Role"] + leader,
        ready,
        disk,
        memory,
        certificate,
    )


def gigabytes(megabytes: float) -> str:
    """Return megabytes as gigabytes with one decimal place."""
    return f"{megabytes / 1024:.1f}"


def service_row(
    name: str, service: Mapping[str, Any], tasks: Sequence[convergence.Task], nodes: Sequence[Node]
) -> tuple[str, ...]:
    """Return a service's line."""
    entry, hosts = dict(service), {node["ID"]: node["Description"]["Hostname"] for node in nodes}
    image = entry["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
    release = image.partition("@")[0].rpartition(":")[2]
    if convergence.is_job(entry):
        return name, "done" if convergence.job_complete(entry, tasks) else "at work", release, ""
    running = convergence.healthy_tasks(tasks)
    wanted = convergence.desired_number(entry, tasks, nodes)
    where = ", ".join(sorted(hosts.get(task.get("NodeID", ""), "?") for task in running))
    return name, f"{len(running)}/{wanted}", release, where


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Return ``rows`` with aligned columns."""
    table = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)
