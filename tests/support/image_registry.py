"""The hosts' image registry, as one who builds images reaches it: through SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.servers import registry
from tests.support.stack import docker

if TYPE_CHECKING:
    from tests.support.host import Host, Login

#: Where every host has the registry.
ADDRESS = "{}:{}".format(*registry.REGISTRY)


def send(image: str, name: str, host: Host, login: Login) -> str:
    """Put an image of this machine into the hosts' registry and return the name that it has there.

    Args:
        image: its name here.
        name: its repository and tag there.
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
