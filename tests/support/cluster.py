"""The nodes and services of a cluster, for the tests of the hosts themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.host import Host
    from tests.support.playbook import Inventory


#: Seconds until a manager marks a lost host as down: three heartbeats (``swarm_heartbeat_seconds``), and some more.
DOWN = 120


def nodes(manager: Host) -> dict[str, dict[str, str]]:
    """Return a manager's entry of each node, by host name: state, role, and the label of the data."""
    identifiers = manager.run("docker", "node", "ls", "--quiet").split()
    found = json.loads(manager.run("docker", "node", "inspect", *identifiers))
    return {
        node["Description"]["Hostname"]: {
            "state": node["Status"]["State"],
            "role": node["Spec"]["Role"],
            "data": node["Spec"]["Labels"].get("landfast.state", ""),
        }
        for node in found
    }


def running(host: Host, service: str) -> str:
    """Return the id of a service's container on a host; empty if there is none."""
    return host.run("docker", "ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name={service}").strip()


def inside(host: Host, service: str, *command: str) -> str:
    """Run a command in a container of a service of the stack, and return what it printed.

    Args:
        host: a machine that runs one.
        service: the service's name in the Compose files.
        command: the command.

    Raises:
        CommandError: the command failed.
    """
    return host.run("docker", "exec", running(host, f"landfast_{service}").split()[0], *command)


def wait_everywhere(cluster: Inventory, service: str) -> None:
    """Wait until a global service runs on each host."""
    wait_until(
        lambda: all(running(host, service) for host in cluster.hosts),
        120,
        lambda: cluster.managers[0].run("docker", "service", "ps", "--no-trunc", service),
    )


#: Nginx's files that follow from contracts (nginx/entrypoint.sh).
DERIVED = ("locations.conf", "servers.conf", "programs.conf", "readiness.conf", "flower.conf")


def start_nginx(cluster: Inventory, image: str) -> str:
    """Start Nginx on each host the way the stack does, alone, and return the service's name.

    Args:
        cluster: the hosts.
        image: Nginx's image in their registry.
    """
    service, manager = "landfast_nginx", cluster.managers[0]
    contents = {"flower_password": "nobody-asks", **dict.fromkeys(DERIVED, "# no application")}
    for secret, content in contents.items():
        manager.run("sh", "-c", f"echo '{content}' | docker secret create {secret} -")
    settings = {"TLS_DIRECTORY": "/run/tls/current", "ACME_HOST": manager.address, "HTTPS_ONLY": "true"}
    settings["EDGE_SOCKET"] = "/run/edge/sockets"
    folders = {
        "/etc/landfast/tls": "/run/tls",
        "/var/lib/landfast/acme": "/var/lib/acme",
        "/run/landfast/edge": "/run/edge",
    }
    options = ["--mode=global", "--cap-drop=ALL", "--init"]
    options += [f"--secret=source={secret},uid=10004" for secret in contents]
    options += [f"--env={name}={value}" for name, value in settings.items()]
    options += [f"--mount=type=bind,readonly,source={here},target={there}" for here, there in folders.items()]
    manager.run("docker", "service", "create", "--detach", f"--name={service}", *options, image)
    wait_everywhere(cluster, service)
    return service
