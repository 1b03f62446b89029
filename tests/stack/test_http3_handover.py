"""One Nginx replaces another on a server, with the host's own sockets: no request over HTTP/3 is lost."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support import secrets
from tests.support.ports import free_ports
from tests.support.protocols import ConnectionEndedError, connected
from tests.support.sockets import HAND_OUT
from tests.support.stack import docker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.stack import Stack

#: A host in a container: it binds the ports as systemd does (ansible/roles/edge/templates), and runs the program that
#: hands the sockets out.
HOST = """
import os, socket, sys
def bound(kind, port):
    each = socket.socket(socket.AF_INET, kind)
    if kind == socket.SOCK_DGRAM:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    each.bind(("0.0.0.0", port))
    if kind == socket.SOCK_STREAM:
        each.listen(4096)
    return each
counter = socket.socket(socket.AF_UNIX)
counter.bind("/run/edge/sockets")
os.chmod("/run/edge/sockets", 0o666)
counter.listen()
sockets = [counter, *(bound(socket.SOCK_STREAM, port) for port in (80, 443))]
sockets += [bound(socket.SOCK_DGRAM, 443) for _ in range(2 * os.cpu_count())]
high = [os.dup2(each.fileno(), 500 + number) for number, each in enumerate(sockets)]
for number, each in enumerate(high):
    os.dup2(each, 3 + number)
os.environ["LISTEN_FDS"] = str(len(high))
os.execv(sys.executable, [sys.executable, "/hand-sockets", "20"])
"""


class Host:
    """A host with the site's ports, and the Nginx containers on it.

    Args:
        stack: the stack, whose image, secrets and networks each Nginx has.
        folder: where the sockets are handed out.
    """

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        (self.port,) = free_ports(1)
        self.name = f"{stack.project}-host-{self.port}"
        self.started: list[str] = []

    def boot(self) -> None:
        """Bind the ports."""
        self.folder.chmod(0o777)
        image = self.stack.config["services"]["console"]["image"]
        volumes = [f"--volume={self.folder}:/run/edge", f"--volume={HAND_OUT}:/hand-sockets:ro"]
        place = ["--user=0", f"--publish=127.0.0.1:{self.port}:443/udp", "--entrypoint=python3"]
        docker("run", "--detach", f"--name={self.name}", *volumes, *place, image, "-c", HOST)
        wait_until((self.folder / "sockets").exists, 20, lambda: f"the ports: {docker('logs', self.name, merge=True)}")

    def start(self) -> str:
        """Start an Nginx with the host's sockets, and return its name."""
        name = f"{self.name}-{len(self.started)}"
        self.started.append(name)
        settings = ["--env=EDGE_SOCKET=/run/edge/sockets", "--env=EDGE_HOST=one", f"--env=EDGE_QUIC_PORT={self.port}"]
        volume = f"--volume={self.folder}:/run/edge:ro"
        self.stack.compose("run", "--detach", "--no-deps", f"--name={name}", volume, *settings, "nginx")
        wait_until(lambda: healthy(name), 60, lambda: f"Nginx: {docker('logs', name, merge=True)}")
        return name

    def remove(self) -> None:
        """Remove all containers."""
        subprocess.run(["docker", "rm", "--force", self.name, *self.started], capture_output=True, check=False)


def healthy(container: str) -> bool:
    """Return whether Nginx answers itself."""
    probe = ["docker", "exec", container, "tcp-probe", "8080", r"GET /healthz HTTP/1.0\r\n\r\n", "200 OK"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def running(container: str) -> bool:
    """Return whether a container has not ended."""
    return docker("inspect", "--format={{.State.Running}}", container).strip() == "true"


@pytest.fixture
def host(stack: Stack, tmp_path: Path) -> Iterator[Host]:
    """A host with its ports bound."""
    found = Host(stack, tmp_path / "edge")
    found.folder.mkdir()
    try:
        found.boot()
        yield found
    finally:
        found.remove()


def test_a_request_that_runs_ends_at_the_old_nginx_and_the_next_goes_to_the_new(stack: Stack, host: Host) -> None:
    authority, body = secrets.show(stack, "ca_certificate"), b"x" * 1000
    old = host.start()
    with connected("HTTP/3.0", host.port, authority) as client:
        assert client.ask("GET", "/healthz").body == b"ok\n"
        stream = client.begin("POST", "/accounts/login/", [("content-length", str(len(body)))])
        client.data(stream, body[:1], end=False)

        new = host.start()
        assert client.ask("GET", "/healthz").body == b"ok\n", "the new one takes no packet of a connection of the old"
        docker("kill", "--signal=QUIT", old)
        client.data(stream, body[1:], end=True)

        assert client.answer(stream).status == 403, "Django's answer to a form without its token"
    wait_until(lambda: not running(old), 60, "the old Nginx to end")

    ours = "handover-of-a-visitor"
    wait_until(lambda: answered(host, authority, ours), 60, "the new Nginx to answer")
    assert ours in docker("logs", new, merge=True)


def answered(host: Host, authority: str, request_id: str) -> bool:
    """Return whether a fresh visitor over HTTP/3 has an answer."""
    try:
        with connected("HTTP/3.0", host.port, authority) as client:
            return client.ask("GET", "/", [("x-request-id", request_id)]).status == 200
    except (ConnectionEndedError, TimeoutError):
        return False
