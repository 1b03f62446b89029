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
        self._lock = threading.Lock()
        self._refused = threading.Semaphore(0)
        self._clients: set[socket.socket] = set()
        self._sessions: list[threading.Thread] = []
        self._server = threading.Thread(target=self._serve)
        self._server.start()

    def __enter__(self) -> Self:
        """Return the proxy."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all sessions, and stop listening; no thread and no socket is left."""
        _shut(self._listener)  # wakes the thread that accepts, unlike close()
        self._server.join()
        self._listener.close()
        self.close()
        for session in self._sessions:
            session.join()

    def close(self) -> None:
        """End all sessions, and refuse new ones."""
        with self._lock:
            self._open = False
            for client in self._clients:
                _shut(client)

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
                self._sessions.append(threading.Thread(target=self._admit, args=(client,)))
                self._sessions[-1].start()

    def _admit(self, client: socket.socket) -> None:
        with client:
            with self._lock:  # or close() would miss a session that it finds on its way
                admitted = self._open
                if admitted:
                    self._clients.add(client)
            if admitted:
                self._forward(client)
            else:
                self._refuse(client)

    def _forward(self, client: socket.socket) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(self._path)
            back = threading.Thread(target=_pump, args=(server, client))
            back.start()
            _pump(client, server)
            back.join()
        with self._lock:
            self._clients.remove(client)

    def _refuse(self, client: socket.socket) -> None:
        client.settimeout(DEADLINE)
        with contextlib.suppress(OSError):
            while len(head := client.recv(_HEAD.size, socket.MSG_WAITALL)) == _HEAD.size:
                if _HEAD.unpack(head)[1] not in ENCRYPTION:
                    client.sendall(REFUSAL)
                    break
                client.sendall(b"N")
        self._refused.release()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Forward all bytes until one side ends, then end the other."""
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    _shut(source)
    _shut(sink)


def _shut(connection: socket.socket) -> None:
    """End a connection in both directions, and any wait for it in another thread."""
    with contextlib.suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
