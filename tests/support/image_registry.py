"""The hosts' image registry, as one who builds images reaches it: through SSH."""

from __future__ import annotations

import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.ports import free_ports
from tests.support.stack import docker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.host import Host, Login

#: Where every host has the registry.
ADDRESS = "127.0.0.1:5000"


@contextmanager
def reached(host: Host, login: Login) -> Iterator[str]:
    """Open a way to the registry and yield its address on this side.

    Args:
        host: the first manager, which holds it.
        login: the key to it.
    """
    (port,) = free_ports(1)
    forward = ["-N", "-L", f"127.0.0.1:{port}:{ADDRESS}", "-o", "ExitOnForwardFailure=yes"]
    command = ["ssh", *login.options, "-i", str(login.key), *forward, f"{host.user}@{host.address}"]
    tunnel = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(port), 20, f"the registry of {host.name} through SSH")
        yield f"127.0.0.1:{port}"
    finally:
        tunnel.terminate()
        tunnel.wait(10)


def send(image: str, name: str, host: Host, login: Login) -> str:
    """Put an image of this machine into the hosts' registry and return the name that it has there.

    Args:
        image: its name here.
        name: its repository and tag there.
        host: the first manager.
        login: the key to it.
    """
    with reached(host, login) as address:
        docker("tag", image, f"{address}/{name}")
        try:
            docker("push", "--quiet", f"{address}/{name}", timeout=300)
        finally:
            docker("rmi", f"{address}/{name}")
    return f"{ADDRESS}/{name}"


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
