"""Removes containers that have read older files in /run/secrets than those of today, so that a start replaces them.

Compose compares only its own keys. The derived files of a contract (variables, passwords, users, locations) are in a
volume, and containers read them when they start.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from cli import compose, console, process
from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Seconds for the one-shot that writes the files.
TIMEOUT = 120
#: The service in front of all applications.
NGINX = "nginx"
#: The services that notice a changed file themselves.
RELOADING = {NGINX, "flower"}


def remove(project: str) -> list[str]:
    """Write the files of all services, remove running containers that have read older ones, and return their services.

    Compose replaces removed containers, after their dependencies. A container that stayed would delay a start if its
    old values make it unhealthy. The caller starts the services.

    Args:
        project: the project's name.

    Raises:
        StackError: a container cannot be removed, or Nginx could not start with its new files.
    """
    running = process.capture(compose.running_ids(project)).stdout.split()
    if not running:
        return []
    written = process.capture(compose.secret_changes(), timeout=TIMEOUT)
    if written.code != 0:
        return []  # the start does the same next, and shows the error
    changes = json.loads(written.stdout.splitlines()[-1])
    inspected = json.loads(process.capture(compose.inspect(running)).stdout or "[]")
    found = find(inspected, changes)
    active = process.capture(compose.services()).stdout.split() if found else []
    for name in sorted({*found} - {*active}):  # of an inactive profile: a start would not replace it
        print(f"{name} has new values to read: docker compose --profile='*' restart {name}")
    if names := [name for name in found if name in active]:
        if NGINX in names:
            check_nginx()
        console.heading(f"Replacing containers with older values: {', '.join(names)}")
        if process.run(compose.remove(names)) != 0:
            raise StackError("a container cannot be removed", "./stack doctor checks Docker")
    return names


def services(project: str) -> list[str]:
    """Return the services whose running containers have read older files than those of today; change nothing.

    Args:
        project: the project's name.
    """
    running = process.capture(compose.running_ids(project)).stdout.split()
    times = process.capture(compose.secret_times(), timeout=TIMEOUT) if running else None
    if times is None or times.code != 0:
        return []
    inspected = json.loads(process.capture(compose.inspect(running)).stdout or "[]")
    found = find(inspected, json.loads(times.stdout.splitlines()[-1]))
    return [name for name in found if name not in RELOADING]


def check_nginx() -> None:
    """Make sure that Nginx could start with its new files: one that cannot would take all applications with it.

    Raises:
        StackError: it could not; the message has the file and the line.
    """
    tested = process.capture(compose.nginx_test(), timeout=TIMEOUT)
    faults = [
        line.partition("[emerg] ")[2].partition(": ")[2] for line in tested.stderr.splitlines() if "[emerg]" in line
    ]
    if tested.code != 0 and faults:
        raise StackError(
            f"Nginx refuses its new configuration, and keeps the one before: {faults[-1]}",
            "correct that file: NAME.nginx.extra is services/NAME/nginx.extra",
        )


def find(inspected: Iterable[Mapping[str, Any]], changes: Mapping[str, float]) -> list[str]:
    """Return the services with a container that is older than its files.

    Args:
        inspected: ``docker inspect`` of the running containers.
        changes: service -> when its files changed last, in seconds since 1970.
    """
    labels = (
        (each["Config"]["Labels"]["com.docker.compose.service"], each["State"]["StartedAt"]) for each in inspected
    )
    return sorted({name for name, started in labels if changes.get(name, 0) > seconds(started)})


def seconds(time: str) -> float:
    """Return a time of Docker, such as ``2026-11-30T16:34:45.123456789Z``, in seconds since 1970."""
    whole, _, fraction = time.rstrip("Z").partition(".")
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return moment.timestamp() + float(f"0.{fraction or 0}")
