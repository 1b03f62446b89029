"""Checks that the cluster is complete, and keeps deploys away during maintenance of a host."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING

from rollout import convergence, lock, smoke, status
from rollout.errors import RolloutError, TransientError
from rollout.records import now

if TYPE_CHECKING:
    from pathlib import Path

    from rollout.engine import Engine
    from rollout.records import Records

INTERVAL = 2.0
#: The signals that end a hold.
END = frozenset({signal.SIGTERM, signal.SIGINT})


def missing(engine: Engine, records: Records, fetch: status.Fetch = smoke.fetch) -> list[str]:
    """Return the cluster's problems: nodes that are down, services without all containers, hosts that are not ready.

    A drained host need not be ready.

    Args:
        engine: Docker.
        records: the records of releases.
        fetch: requests a page from an address.
    """
    nodes, current = engine.nodes(), records.current
    names = {node["ID"]: node["Description"]["Hostname"] for node in nodes}
    found = [
        f"{names[node['ID']]} is {node['Status']['State']}" for node in nodes if node["Status"]["State"] != "ready"
    ]
    if current is None:
        return found
    plan = records.plan(current.file)
    services, tasks = engine.services(plan["name"]), engine.tasks(plan["name"])
    for name, service in sorted(services.items()):
        own = tasks.get(service["ID"], [])
        if not convergence.converged(service, own, nodes):
            running, desired = (
                len(convergence.current_tasks(service, own)),
                convergence.desired_number(service, own, nodes),
            )
            found.append(f"{name}: {running} of {desired} run")
    for node, document in status.readiness(nodes, status.site(plan), fetch).items():
        if document.get("status") != "ready":
            problems = document.get("dependencies") or {}
            failing = document.get("failing") or [status.READY]
            words = [f"{key}: {(problems.get(key) or {}).get('problem', 'not ready')}" for key in failing]
            found.append(f"{names[node]} is not ready: {'; '.join(words)}")
    return found


def wait(engine: Engine, records: Records, seconds: float, fetch: status.Fetch = smoke.fetch) -> None:
    """Wait until nothing is missing.

    Args:
        engine: Docker.
        records: the records of releases.
        seconds: the time limit. Unless it is 0, two good checks in a row are needed: Swarm sees ended containers late.
        fetch: requests a page from an address.

    Raises:
        RolloutError: something is still missing; the error names it.
    """
    deadline = time.monotonic() + seconds
    checks = 2 if seconds else 1
    while True:
        try:
            found = missing(engine, records, fetch)
        except TransientError as error:  # Docker may be restarting, for example
            found = [error.reason]
        checks = 2 if found else checks - 1
        if not checks:
            return
        if found and time.monotonic() > deadline:
            raise RolloutError("the cluster is not whole", tuple(found))
        time.sleep(INTERVAL)


def hold(what: str, subject: str, who: str, path: Path = lock.PATH) -> None:
    """Keep deploys away until this process gets a signal to end, and notify systemd once the lock is held.

    Args:
        what: the work that is done instead.
        subject: the object of this work.
        who: the operator.
        path: the lock's file.

    Raises:
        BusyError: a deploy is at work.
    """
    with lock.only_one(what, subject, who, since=now(), patience=0, path=path):
        signal.pthread_sigmask(signal.SIG_BLOCK, END)
        notify_systemd("READY=1")
        signal.sigwait(END)


def notify_systemd(word: str) -> None:
    """Notify systemd of this unit's state (sd_notify(3)); without systemd there is no address, and nothing is sent."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notification:
            notification.sendto(word.encode(), address.replace("@", "\0", 1))
