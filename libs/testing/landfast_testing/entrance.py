"""A TCP proxy for PostgreSQL that a test closes and opens again, like a restart of the server."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self

from landfast_testing.waiting import DEADLINE

if TYPE_CHECKING:
    from landfast_testing.postgres import Postgres

#: A client's request for encryption before its session begins. Source: PostgreSQL's pqcomm.h
ENCRYPTION = {80877103, 80877104}

_FIELDS = ("SFATAL", "VFATAL", "C57P03", "Mthe database system is shutting down", "")
_FAREWELL = "\0".join((*_FIELDS, "")).encode()
#: The reply of a server that accepts no more sessions.
REFUSAL = b"E" + struct.pack("!I", 4 + len(_FAREWELL)) + _FAREWELL

_HEAD = struct.Struct("!II")


class Entrance:
    """Forwards a free port to a server, until it is closed: then sessions end, and new ones are refused.

    Args:
        postgres: the server, which is reached by its socket.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._path = f"{postgres.host}/.s.PGSQL.{postgres.port}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = True
        self._refused = threading.Semaphore(0)
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        """Return the proxy."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all sessions, and stop listening."""
        self.close()
        self._listener.close()

    def close(self) -> None:
        """End all sessions, and refuse new ones."""
        self._open = False
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        """Accept new sessions again."""
        self._open = True

    def wait_for_refusal(self, timeout: float = DEADLINE) -> None:
        """Wait until one more session was refused.

        Raises:
            TimeoutError: none was refused in time.
        """
        if not self._refused.acquire(timeout=timeout):
            raise TimeoutError("no session was refused")

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the end of the test
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._admit, args=(client,), daemon=True).start()

    def _admit(self, client: socket.socket) -> None:
        if not self._open:
            self._refuse(client)
            return
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._path)
        self._ends += [client, server]
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _refuse(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while _HEAD.unpack(client.recv(_HEAD.size, socket.MSG_WAITALL))[1] in ENCRYPTION:
                client.sendall(b"N")
            client.sendall(REFUSAL)
        self._refused.release()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
