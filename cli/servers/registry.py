"""Sending images to the servers' own registry, over the SSH connection that Ansible has, and counting the bytes."""

from __future__ import annotations

import http.client
import socket
import subprocess
import tempfile
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Where the role `registry` has it listen, on the first manager.
REGISTRY = ("127.0.0.1", 5000)
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json"
)
CONNECT_TIMEOUT = 30
PIECE = 1 << 16


class Gate:
    """A port of this machine that leads to the registry. It counts what goes through.

    Args:
        connect: opens a connection to the registry.
        port: the port; 0 for any that is free.
    """

    def __init__(self, connect: Callable[[], socket.socket], port: int = 0) -> None:
        """Listen."""
        self.sent = 0
        self._connect = connect
        self._counting = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """What images are named by for Docker to find the gate; it takes loopback without TLS."""
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), self._connect() as registry:
            answers = threading.Thread(target=self._copy, args=(registry, client), daemon=True)
            answers.start()
            self._copy(client, registry, count=True)
            answers.join()

    def _copy(self, source: socket.socket, target: socket.socket, *, count: bool = False) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                if count:  # first, so that whoever has the answer finds all of the question counted
                    with self._counting:
                        self.sent += len(piece)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def gate(ssh: Sequence[str]) -> Iterator[Gate]:
    """Open a way to the registry for as long as the block lasts.

    Args:
        ssh: the command that reaches the first manager, or nothing where that is this machine.

    Raises:
        StackError: SSH did not get there.
    """
    if not ssh:
        opened = Gate(lambda: socket.create_connection(REGISTRY, CONNECT_TIMEOUT), 0)
        try:
            yield opened
        finally:
            opened.close()
        return
    with tempfile.TemporaryDirectory(prefix="landfast-") as folder:
        path = Path(folder, "registry")
        with tunnel(ssh, path):
            opened = listen(path, ssh)
            try:
                yield opened
            finally:
                opened.close()


def listen(path: Path, ssh: Sequence[str]) -> Gate:
    """Return a gate on this host's usual port, or on any where that is taken.

    Docker remembers by the registry's address which layers are there already: a port that stays the same helps it.

    Args:
        path: the tunnel's end here.
        ssh: what the port is derived from.
    """

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        return connection

    usual = 20000 + zlib.crc32(ssh[-1].encode()) % 10000
    try:
        return Gate(connect, usual)
    except OSError:
        return Gate(connect)


@contextmanager
def tunnel(ssh: Sequence[str], path: Path) -> Iterator[None]:
    """Lead the socket ``path`` to the registry for as long as the block lasts.

    Raises:
        StackError: SSH did not get there.
    """
    command = [
        ssh[0], "-N", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-o", "ControlPath=none",
        "-o", "StreamLocalBindUnlink=yes", "-L", f"{path}:{REGISTRY[0]}:{REGISTRY[1]}", *ssh[1:],
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + CONNECT_TIMEOUT
            while not path.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    words = (process.communicate()[1] or "").strip()
                    raise StackError(f"no way to the registry over SSH: {words}", " ".join(command))
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


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
