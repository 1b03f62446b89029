"""How a worker reaches the database that a task makes its effects in: Django's way, or SQLAlchemy's."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from landfast_runtime.connections import Postgres
    from psycopg import Connection
    from sqlalchemy import Connection as SQLAlchemyConnection
    from sqlalchemy import Engine

#: Seconds to wait for a connection.
CONNECT_TIMEOUT = 5

#: When a silent server counts as gone: a minute. By the system's own defaults a task that waits for an answer would
#: wait for two hours, one that sends for a quarter of one.
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

#: What the driver raises while the database is away.
DRIVER_OUTAGES: tuple[type[Exception], ...] = (psycopg.OperationalError, psycopg.InterfaceError)


class Database(Protocol):
    """What running a task needs of a database."""

    @property
    def outages(self) -> tuple[type[Exception], ...]:
        """What is raised while it is away."""

    def transaction(self) -> AbstractContextManager[Connection[Any]]:
        """Open a transaction that commits when the block ends, and hand out the driver's connection."""

    def ensure_it_commits(self) -> None:
        """Raise what the framework raises if it is going to roll the open transaction back whatever happens."""

    def connect(self) -> AbstractContextManager[Connection[Any]]:
        """Open a connection beside the framework's own, without a transaction."""

    def reset(self) -> None:
        """Forget connections that may be broken."""


def connect(postgres: Postgres, name: str) -> Connection[Any]:
    """Open a connection on which every statement is a transaction of its own.

    Args:
        postgres: where to, and as whom.
        name: what the server's list of connections shows.

    Raises:
        psycopg.OperationalError: it cannot be had.
    """
    return psycopg.connect(
        **postgres.parameters,
        application_name=name,
        connect_timeout=CONNECT_TIMEOUT,
        autocommit=True,
        **KEEPALIVE,
    )


class DjangoDatabase:
    """Django's default connection; the task's body uses models as everywhere.

    Args:
        postgres: for connections beside Django's.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    @property
    def outages(self) -> tuple[type[Exception], ...]:
        """What is raised while it is away."""
        from django.db import InterfaceError, OperationalError  # noqa: PLC0415 - others use this module without Django

        return (*DRIVER_OUTAGES, OperationalError, InterfaceError)

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """Open a transaction that commits when the block ends, and hand out the driver's connection."""
        from django.db import DEFAULT_DB_ALIAS, connections, transaction  # noqa: PLC0415

        connection = connections[DEFAULT_DB_ALIAS]  # the proxy that Django offers would look it up at each use
        with transaction.atomic():
            connection.ensure_connection()
            yield connection.connection

    def ensure_it_commits(self) -> None:
        """Raise what the framework raises if it is going to roll the open transaction back whatever happens.

        Raises:
            django.db.transaction.TransactionManagementError: an inner block failed that could not be rolled back alone.
            django.db.OperationalError: so it did because the database was away.
        """
        from django.db import connection, transaction  # noqa: PLC0415

        try:
            connection.validate_no_broken_transaction()
        except transaction.TransactionManagementError as error:
            if isinstance(error.__cause__, self.outages):
                raise error.__cause__ from None
            raise

    def connect(self) -> Connection[Any]:
        """Open a connection beside Django's own, without a transaction."""
        return connect(self._postgres, "worker-long")

    def reset(self) -> None:
        """Close Django's connection: the next query opens another."""
        from django.db import connection  # noqa: PLC0415

        connection.close()


class SQLAlchemyDatabase:
    """An engine; the task's body finds its transaction in :func:`connection`.

    Args:
        engine: returns the process's engine, made after the fork.
        postgres: for connections beside the engine's.
    """

    _current: ContextVar[SQLAlchemyConnection | None] = ContextVar("outbox_sqlalchemy", default=None)

    def __init__(self, engine: Callable[[], Engine], postgres: Postgres) -> None:
        self._engine = engine
        self._postgres = postgres

    @property
    def outages(self) -> tuple[type[Exception], ...]:
        """What is raised while it is away."""
        from sqlalchemy.exc import InterfaceError, OperationalError  # noqa: PLC0415 - others lack SQLAlchemy

        return (*DRIVER_OUTAGES, OperationalError, InterfaceError)

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """Open a transaction that commits when the block ends, and hand out the driver's connection."""
        with self._engine().begin() as opened:
            token = self._current.set(opened)
            try:
                yield opened.connection.driver_connection  # type: ignore[misc]  # psycopg's, as the URL says
            finally:
                self._current.reset(token)

    def ensure_it_commits(self) -> None:
        """Do nothing: SQLAlchemy rolls back at once where it does."""

    def connect(self) -> Connection[Any]:
        """Open a connection beside the engine's, without a transaction."""
        return connect(self._postgres, "worker-long")

    def reset(self) -> None:
        """Close the engine's connections: the next query opens another."""
        self._engine().dispose()

    @classmethod
    def connection(cls) -> SQLAlchemyConnection:
        """Return the connection whose transaction completes the running task.

        Raises:
            RuntimeError: no durable task runs here, or it has no transaction now.
        """
        current = cls._current.get()
        if current is None:
            raise RuntimeError("no durable task has a SQLAlchemy transaction here")
        return current
