"""The route to the servers' own registry, over Ansible's SSH connection, and the digests of images in it."""

from __future__ import annotations

import http.client
import json
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
from rollout.fresh_packages import UPDATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from email.message import Message

#: The registry's address on the first manager, set by the role `registry`.
REGISTRY = ("127.0.0.1", 5000)
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json"
)
#: Seconds within which a connection must be open.
CONNECT_TIMEOUT = 30
#: The line that ssh prints at its end with LogLevel=VERBOSE. Source: client_loop() in OpenSSH's clientloop.c
TRANSFERRED = re.compile(r"^Transferred: sent (\d+), received \d+ bytes", re.MULTILINE)


@dataclass
class Route:
    """The route from this machine to the registry.

    Args:
        address: the registry's address in image names; Docker accepts loopback without TLS.
        sent: bytes that this machine sent over SSH. Known once the route is closed; 0 if SSH was not needed, or
            if Ansible's own options suppress its output (``-q``).
    """

    address: str
    sent: int = 0


@contextmanager
def route(ssh: Sequence[str]) -> Iterator[Route]:
    """Keep a route to the registry open during the block.

    Args:
        ssh: the command that reaches the first manager; empty if that is this machine.

    Raises:
        StackError: SSH could not connect.
    """
    if not ssh:
        # The hosts use 127.0.0.1. The pushed name is removed again, so it must differ from the containers' image name.
        yield Route(f"localhost:{REGISTRY[1]}")
        return
    port = free_port(ssh)
    command = forward(ssh, port)
    opened = Route(f"127.0.0.1:{port}")
    # Its output goes into a file: no process reads a pipe while images are sent, and ssh would wait for a full one.
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
    """Return the usual port of this machine for a host's registry, or any free one if that port is in use.

    Docker remembers the layers that a registry has by the registry's address, so a stable port saves time.

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
        "ControlPath=none",  # a shared connection would not end with this command, and would count the others' bytes
        "ExitOnForwardFailure=yes",
        "LogLevel=VERBOSE",  # for the bytes
        "PermitLocalCommand=yes",
        "LocalCommand=echo",  # runs once the port is forwarded
    )
    settings = [word for option in options for word in ("-o", option)]
    return [ssh[0], "-N", *settings, "-L", "127.0.0.1:{}:{}:{}".format(port, *REGISTRY), *ssh[1:]]


def listens(output: IO[bytes] | None) -> bool:
    """Wait until SSH forwards the port; return False if SSH ends, or takes too long.

    Args:
        output: SSH's standard output.
    """
    return bool(output and select.select([output], [], [], CONNECT_TIMEOUT)[0] and output.readline())


def newest(address: str, repository: str, release: str) -> str:
    """Return the digest of a release's image with the newest packages; empty if the registry does not have it.

    Args:
        address: the registry's address.
        repository: the image's name in the registry.
        release: the release; an update of its packages adds a date to its name (rollout/fresh_packages.py).

    Raises:
        StackError: the registry does not answer, or answers with an error.
    """
    status, _, body = request(address, "GET", f"/v2/{repository}/tags/list")
    if status == http.client.NOT_FOUND:
        return ""
    if status != http.client.OK:
        raise StackError(f"the registry answers {status} for {repository}")
    tags = json.loads(body).get("tags") or []
    updated = [tag for tag in tags if tag.startswith(f"{release}{UPDATED}")]
    return digest(address, repository, max(updated, default=release)) if release in tags or updated else ""


def digest(address: str, repository: str, tag: str) -> str:
    """Return the digest of an image in the registry; empty if the registry does not have it.

    Args:
        address: the registry's address.
        repository: the image's name in the registry.
        tag: the release.

    Raises:
        StackError: the registry does not answer, or answers with an error.
    """
    status, headers, _ = request(address, "HEAD", f"/v2/{repository}/manifests/{tag}")
    if status == http.client.NOT_FOUND:
        return ""
    found = headers.get("Docker-Content-Digest", "")
    if status != http.client.OK or not found:
        raise StackError(f"the registry answers {status} for {repository}:{tag}")
    return found


def request(address: str, method: str, path: str) -> tuple[int, Message, bytes]:
    """Return the status, the headers and the body of the registry's answer.

    Raises:
        StackError: the registry does not answer.
    """
    connection = http.client.HTTPConnection(address, timeout=CONNECT_TIMEOUT)
    try:
        connection.request(method, path, headers={"Accept": MANIFESTS})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise StackError(f"the registry does not answer: {error}", "the playbook site.yml sets it up") from error
    finally:
        connection.close()


def pushed_digest(output: str) -> str:
    """Return the digest in the last lines of ``docker push``; empty if there is none."""
    lines = [line for line in output.splitlines() if "digest: sha256:" in line]
    return lines[-1].split("digest: ")[1].split()[0] if lines else ""
