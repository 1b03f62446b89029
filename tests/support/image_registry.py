"""The hosts' image registry, reached through SSH like by a machine that builds images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.servers import registry
from tests.support.stack import docker

if TYPE_CHECKING:
    from tests.support.host import Host, Login

#: The registry's address on every host.
ADDRESS = "{}:{}".format(*registry.REGISTRY)


def send(image: str, name: str, host: Host, login: Login) -> str:
    """Push an image of this machine to the hosts' registry and return its name there.

    Args:
        image: its name on this machine.
        name: its repository and tag in the registry.
        host: the first manager.
        login: the key to it.
    """
    ssh = ["ssh", *login.options, "-i", str(login.key), f"{host.user}@{host.address}"]
    with registry.route(ssh) as route:
        docker("tag", image, f"{route.address}/{name}")
        try:
            docker("push", "--quiet", f"{route.address}/{name}", timeout=300)
        finally:
            docker("rmi", f"{route.address}/{name}")
    return f"{ADDRESS}/{name}"
