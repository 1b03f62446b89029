"""The way to the servers' own registry, over the SSH connection that Ansible has, and the digests of images in it."""

from __future__ import annotations

import http.client
import re
import select
import shlex
import socket
import subprocess
import tempfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Where the role `registry` has it listen, on the first manager.
REGISTRY = ("127.0.0.1", 5000)
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json"
)
#: Seconds within which a connection has to be there.
CONNECT_TIMEOUT = 30
#: What ssh prints at its end with LogLevel=VERBOSE. Source: client_loop() in OpenSSH's clientloop.c
TRANSFERRED = re.compile(r"^Transferred: sent (\d+), received \d+ bytes", re.MULTILINE)


@dataclass
class Route:
    """How this machine reaches the registry.

    Args:
        address: what images are named by for Docker to find it; Docker takes loopback without TLS.
        sent: bytes that this machine sent over SSH. Known once the route is closed; 0 where SSH was not needed, or
            where Ansible's own options keep it quiet (``-q``).
    """

    address: str
    sent: int = 0


@contextmanager
def route(ssh: Sequence[str]) -> Iterator[Route]:
    """Open a route to the registry for as long as the block lasts.

    Args:
        ssh: the command that reaches the first manager, or nothing where that is this machine.

    Raises:
        StackError: SSH did not get there.
    """
    if not ssh:
        # The hosts say 127.0.0.1: a name that was pushed and goes again must be none that containers run by.
        yield Route(f"localhost:{REGISTRY[1]}")
        return
    port = free_port(ssh)
    command = forward(ssh, port)
    opened = Route(f"127.0.0.1:{port}")
    # Its words go into a file: nobody reads a pipe while images are sent, and ssh would wait once it is full.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log) as process:
            try:
                if not listens(process.stdout):
                    log.seek(0)
                    raise StackError(f"no way to the registry over SSH: {log.read().strip()}", shlex.join(command))
                yield opened
            finally:
                process.terminate()
        log.seek(0)
        counted = TRANSFERRED.search(log.read())
        opened.sent = int(counted[1]) if counted else 0


def free_port(ssh: Sequence[str]) -> int:
    """Return the usual port of this machine for a host's registry, or any that is free where that is taken.

    Docker remembers by the registry's address which layers are there already: a port that stays the same helps it.

    Args:
        ssh: the command that reaches the host; the port is derived from its last word.
    """
    usual = 20000 + zlib.crc32(ssh[-1].encode()) % 10000
    try:
        probe = socket.create_server(("127.0.0.1", usual))
    except OSError:
        probe = socket.create_server(("127.0.0.1", 0))
    with probe:
        return int(probe.getsockname()[1])


def forward(ssh: Sequence[str], port: int) -> list[str]:
    """Return the command that forwards a port of this machine to the registry, and counts the bytes.

    Args:
        ssh: the command that reaches the first manager.
        port: the port here.
    """
    options = (
        "BatchMode=yes",
        "ControlPath=none",  # a connection that others share would not end with this command, nor count its bytes alone
        "ExitOnForwardFailure=yes",
        "LogLevel=VERBOSE",  # for the bytes
        "PermitLocalCommand=yes",
        "LocalCommand=echo",  # runs once the port is forwarded
    )
    settings = [word for option in options for word in ("-o", option)]
    return [ssh[0], "-N", *settings, "-L", "127.0.0.1:{}:{}:{}".format(port, *REGISTRY), *ssh[1:]]


def listens(output: IO[bytes] | None) -> bool:
    """Wait until SSH forwards the port, and return whether it does: it may end, or take too long.

    Args:
        output: SSH's standard output.
    """
    return bool(output and select.select([output], [], [], CONNECT_TIMEOUT)[0] and output.readline())


def digest(address: str, repository: str, tag: str) -> str:
    """Return the digest of an image in the registry, or nothing if it is not there.

    Args:
        address: the registry's.
        repository: the image's name there.
        tag: the release.

    Raises:
        StackError: the registry does not answer as one.
    """
    connection = http.client.HTTPConnection(address, timeout=CONNECT_TIMEOUT)
    try:
        connection.request("HEAD", f"/v2/{repository}/manifests/{tag}", headers={"Accept": MANIFESTS})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise StackError(f"the registry does not answer: {error}", "the playbook site.yml sets it up") from error
    finally:
        connection.close()
    if answer.status == http.client.NOT_FOUND:
        return ""
    found = answer.getheader("Docker-Content-Digest", "")
    if answer.status != http.client.OK or not found:
        raise StackError(f"the registry answers {answer.status} for {repository}:{tag}")
    return found


def pushed_digest(output: str) -> str:
    """Return the digest that ``docker push`` said in the end, or nothing."""
    lines = [line for line in output.splitlines() if "digest: sha256:" in line]
    return lines[-1].split("digest: ")[1].split()[0] if lines else ""
