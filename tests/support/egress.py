"""Connections of containers on a server to addresses beside it, which stand for those of the internet."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.host import PROJECT
from tests.support.host_image import DEBIAN_13, image
from tests.support.stack import LABEL, docker
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.host import Host, Network

#: The port on which the addresses beside a server listen.
PORT = 8000
#: Prints for each address whether a connection was opened, was refused, or hung.
TRY = """
import socket, sys
patience, *addresses = sys.argv[1:]
found = {}
for address in addresses:
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=float(patience)).close()
        found[address] = "open"
    except TimeoutError:
        found[address] = "hung"
    except OSError:
        found[address] = "refused"
print(__import__("json").dumps(found))
"""


@contextmanager
def listener(network: Network, number: int) -> Iterator[str]:
    """Yield the address of a container on the hosts' network that listens on ``PORT``.

    Args:
        network: the hosts' network.
        number: the number of its address there.
    """
    address, name = network.address(number), f"{PROJECT}-listener-{number}"
    place = [f"--network={network.name}", f"--ip={address}", f"--label={LABEL}={PROJECT}"]
    listen = ["python3", "-m", "http.server", str(PORT)]
    docker("run", "--detach", f"--name={name}", *place, image(DEBIAN_13), *listen)
    try:
        yield address
    finally:
        docker("rm", "--force", "--volumes", name)


def connections(host: Host, service: str, *addresses: str) -> dict[str, str]:
    """Return whether a connection to each address is ``open``, ``refused`` at once, or has ``hung``.

    Args:
        host: the server.
        service: the service in Swarm from whose newest container the connections are made.
        addresses: ``HOST:PORT`` of each.
    """
    container = host.run("docker", "ps", "--quiet", f"--filter=label=com.docker.swarm.service.name={service}").split()[
        0
    ]
    command = ("python3", "-c", TRY, str(PATIENCE * 5), *addresses)
    return dict(json.loads(host.run("docker", "exec", container, *command)))


def allow(host: Host, application: str, services: list[str], *addresses: str) -> None:
    """Give an application a list of external addresses, in place of those of all applications, as a deploy would do.

    Args:
        host: the server.
        application: its name.
        services: its services.
        addresses: the list.
    """
    lists = {application: {"services": services, "addresses": list(addresses)}}
    host.write("/etc/landfast/egress/current.json", json.dumps(lists))
    host.run("systemctl", "reload", "landfast-egress")


def wait_for(host: Host, service: str, **expected: str) -> None:
    """Wait until the connections of a service are as expected.

    Args:
        host: the server.
        service: the service in Swarm.
        expected: address -> ``open``, ``refused`` or ``hung``.
    """
    wait_until(
        lambda: connections(host, service, *expected) == expected,
        60,
        lambda: f"{expected}, not {connections(host, service, *expected)}:\n{rules(host)}",
        interval=1,
    )


def rules(host: Host) -> str:
    """Return the rules of the lists, and the log of the program that keeps them."""
    return host.run("nft", "list", "table", "inet", "landfast") + log(host)


def log(host: Host) -> str:
    """Return the log of the program that keeps the rules, with the connections that were refused."""
    return host.run("journalctl", "--unit=landfast-egress", "--output=cat", "--no-pager")
