"""A TCP server for one conversation: sends a given reply, and records the request."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Server:
    """The server's address and the request."""

    port: int
    heard: bytearray = field(default_factory=bytearray)


@contextlib.contextmanager
def answering(answer: bytes | None) -> Iterator[Server]:
    """Run a server that answers the first request with ``answer`` and closes; with None it never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1])

        def serve() -> None:
            with contextlib.suppress(OSError):  # the end of the test, or the client has given up
                connection, _ = listener.accept()
                with connection:
                    server.heard += connection.recv(65536)
                    connection.sendall(answer or b"")

        if answer is None:
            yield server
            return
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # close() alone would leave the thread waiting for a client
            thread.join()


def unused_port() -> int:
    """Return an unused port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
