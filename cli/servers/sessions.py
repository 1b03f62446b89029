"""Whether PostgreSQL accepts the sessions that all containers of a release may open at once, during a rollout too.

Each service says in ``x-sessions`` how many one container of it opens. PostgreSQL's own number follows from the memory
limit of its container (``images/postgres/sizes``).
"""

from __future__ import annotations

import math
import subprocess
from typing import TYPE_CHECKING, Any

from cli.servers.service import is_once
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The service whose sessions are counted, and the script that says how many it accepts.
SERVER, SIZES = "postgres", ROOT / "images/postgres/sizes"
#: The key of a service, and the number for a service with a login and without the key.
KEY, UNKNOWN = "x-sessions", 10
#: Sessions that PostgreSQL keeps for its administrator (superuser_reserved_connections), and as many as backups,
#: metrics and people may open beside the services.
RESERVED = 3 + 10
MIB = 1 << 20


def of_container(service: Mapping[str, Any]) -> int:
    """Return the most sessions that one container of a service opens."""
    if KEY in service:
        return math.prod(int(factor) for factor in str(service[KEY]).split("*"))
    secrets = (service.get("x-secrets") or {}).values()
    variables = (service.get("x-environment") or {}).values()
    has_login = any(each.startswith("postgres_") for each in secrets) or any(
        "{database." in str(each) for each in variables
    )
    return UNKNOWN if has_login else 0


def of_service(service: Mapping[str, Any]) -> int:
    """Return the most sessions of all containers of a service; a rollout that starts the new one first has one more."""
    deploy = service.get("deploy") or {}
    more = (deploy.get("update_config") or {}).get("order") == "start-first"
    return of_container(service) * (int(deploy.get("replicas", 1)) + more)


def wanted(services: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return the most sessions of each service that opens any; one-shots run one after the other."""
    found = {name: of_service(entry) for name, entry in services.items() if not is_once(entry)}
    jobs = [of_container(entry) for entry in services.values() if is_once(entry)]
    return {name: count for name, count in {**found, "one-shots": max(jobs, default=0)}.items() if count}


def settings(memory: int) -> dict[str, str]:
    """Return PostgreSQL's settings for the MiB that its container may use.

    Raises:
        subprocess.CalledProcessError: it is too little.
    """
    said = subprocess.run(["sh", str(SIZES), str(memory)], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in said.splitlines())


def problem(services: Mapping[str, Mapping[str, Any]]) -> str:
    """Return why PostgreSQL could not accept all sessions; empty if it can, or if its memory has no limit."""
    limits = ((services.get(SERVER, {}).get("deploy") or {}).get("resources") or {}).get("limits") or {}
    if not limits.get("memory"):
        return ""
    memory = int(limits["memory"]) // MIB
    accepted = int(settings(memory)["max_connections"]) - RESERVED
    each = wanted(services)
    if sum(each.values()) <= accepted:
        return ""
    most = sorted(each.items(), key=lambda entry: -entry[1])
    return (
        f"{SERVER}: the services may open {sum(each.values())} sessions at once, and with {memory} MiB it accepts "
        f"{accepted}: give it more memory, or the services fewer replicas, processes or threads "
        f"({', '.join(f'{name} {count}' for name, count in most)})"
    )
