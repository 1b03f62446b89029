"""Another Nginx in front of a running stack, with settings of its own: the stack's own Nginx stays as it is."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.ports import free_ports
from tests.support.stack import docker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.stack import Stack

#: Its folder for a certificate and a key, in the form of servers.
TLS = "/run/tls"


@dataclass(frozen=True)
class Edge:
    """A running Nginx.

    Args:
        container: its name.
        http: its port for plain HTTP.
        https: its port for TLS.
    """

    container: str
    http: int
    https: int

    @property
    def url(self) -> str:
        """Its address for plain HTTP."""
        return f"http://localhost:{self.http}"


@contextmanager
def edge(stack: Stack, certificates: Path | None = None, **variables: str) -> Iterator[Edge]:
    """Start another Nginx in front of a stack, and remove it at the end.

    Args:
        stack: the stack, whose networks, secrets and services it uses.
        certificates: a folder with ``tls_certificate`` and ``tls_key`` in place of the stack's own.
        variables: its settings; the other ones have their defaults, and not those of the tests' stack.
    """
    http, https = free_ports(2)
    settings = {"EDGE_WRITE_RATE": "10", "EDGE_WRITE_BURST": "50", "EDGE_QUIC_PORT": str(https), **variables}
    options = [f"--env={name}={value}" for name, value in settings.items()]
    if certificates:
        options += [f"--volume={certificates}:{TLS}:ro", f"--env=TLS_DIRECTORY={TLS}"]
    ports = [
        f"--publish=127.0.0.1:{http}:8080",
        *(f"--publish=127.0.0.1:{https}:8443/{kind}" for kind in ("tcp", "udp")),
    ]
    found = Edge(f"{stack.project}-edge-{http}", http, https)
    try:
        stack.compose("run", "--detach", "--no-deps", f"--name={found.container}", *ports, *options, "nginx")
        wait_until(lambda: _answers(found), 30, lambda: f"Nginx: {docker('logs', found.container)}")
        yield found
    finally:
        subprocess.run(["docker", "rm", "--force", found.container], capture_output=True, check=False)


def _answers(edge: Edge) -> bool:
    """Ask Nginx from inside: Nginx may count this request a moment longer, but for no visitor of the test."""
    command = ["docker", "exec", edge.container, "tcp-probe", "8080", r"GET /healthz HTTP/1.0\r\n\r\n", "200 OK"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
