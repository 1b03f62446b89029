"""The adapter for programs without a framework: tasks are written, and their bodies run, in psycopg's transactions."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import psycopg

from landfast_outbox import writing
from landfast_outbox.databases import CONNECT_TIMEOUT, DRIVER_OUTAGES, KEEPALIVE, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from landfast_runtime.connections import Postgres
    from psycopg import Connection


@contextmanager
def transaction(connection: Connection[Any]) -> Iterator[Connection[Any]]:
    """Open a transaction that commits when the block ends: tasks that are sent within the block belong to it.

    Args:
        connection: the caller's own connection, to the outbox's database.
    """
    with connection.transaction(), writing.running(connection):
        yield connection


class _Kept:
    """Keeps a connection for a thread, and closes it when the thread ends."""

    def __init__(self, connection: Connection[Any]) -> None:
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


class PsycopgDatabase:
    """A connection for each thread; the task's body gets it from :func:`connection`.

    Args:
        postgres: the server's address and the role.
    """

    _current: ContextVar[Connection[Any] | None] = ContextVar("outbox_psycopg", default=None)

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._of_thread = threading.local()

    @property
    def outages(self) -> tuple[type[Exception], ...]:
        """The exceptions that are raised while the database is away."""
        return DRIVER_OUTAGES

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """Open a transaction that commits when the block ends, and yield the connection."""
        kept: _Kept | None = getattr(self._of_thread, "kept", None)
        if kept is None or kept.connection.closed:
            kept = self._of_thread.kept = _Kept(self._open())
        connection = kept.connection
        token = self._current.set(connection)
        try:
            with connection.transaction():
                yield connection
        finally:
            self._current.reset(token)

    def ensure_it_commits(self) -> None:
        """Do nothing: after an error within it, psycopg's transaction itself raises at its commit."""

    def connect(self) -> Connection[Any]:
        """Open a connection beside this thread's own, without a transaction."""
        return connect(self._postgres, "worker-long")

    def reset(self) -> None:
        """Close this thread's connection: the next transaction opens another."""
        vars(self._of_thread).pop("kept", None)

    def _open(self) -> Connection[Any]:
        """Open a connection with the role's own search path, because a body's statements are the application's."""
        return psycopg.connect(
            **self._postgres.parameters,
            application_name="worker",
            connect_timeout=CONNECT_TIMEOUT,
            autocommit=True,
            **KEEPALIVE,
        )

    @classmethod
    def connection(cls) -> Connection[Any]:
        """Return the connection whose transaction completes the running task.

        Raises:
            RuntimeError: no durable task runs here, or it has no transaction now.
        """
        current = cls._current.get()
        if current is None:
            raise RuntimeError("no durable task has a transaction of psycopg's here")
        return current
