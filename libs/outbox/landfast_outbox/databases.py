"""The databases of tasks' effects, by name, and the connections to them.

Each framework's adapter has a class for them: ``DjangoDatabase`` or ``SQLAlchemyDatabase``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import psycopg

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from landfast_runtime.connections import Postgres
    from psycopg import Connection

#: Seconds to wait for a connection.
CONNECT_TIMEOUT = 5

#: A silent server counts as gone after a minute. With the system's own defaults, a task that waits for a reply would
#: wait for two hours, and a task that sends for a quarter of an hour.
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

#: The driver's exceptions while the database is away.
DRIVER_OUTAGES: tuple[type[Exception], ...] = (psycopg.OperationalError, psycopg.InterfaceError)


class Database(Protocol):
    """The interface of a database that runs need."""

    @property
    def outages(self) -> tuple[type[Exception], ...]:
        """The exceptions that are raised while the database is away."""

    def transaction(self) -> AbstractContextManager[Connection[Any]]:
        """Open a transaction that commits when the block ends, and yield the driver's connection."""

    def ensure_it_commits(self) -> None:
        """Raise the framework's exception if the framework is going to roll the open transaction back in any case."""

    def connect(self) -> Connection[Any]:
        """Open a connection beside the framework's own, without a transaction."""

    def reset(self) -> None:
        """Forget connections that may be broken."""


#: The owner of a database sets the search path for names without a schema. The house's roles must not depend on it.
OWN_NAMES = "-c search_path=pg_catalog,pg_temp"


def connect(postgres: Postgres, name: str) -> Connection[Any]:
    """Open a connection in autocommit mode.

    Args:
        postgres: the server's address and the role.
        name: the connection's name in the server's list of connections.

    Raises:
        psycopg.OperationalError: the server refuses the connection, or does not answer.
    """
    return psycopg.connect(
        **postgres.parameters,
        application_name=name,
        connect_timeout=CONNECT_TIMEOUT,
        autocommit=True,
        options=OWN_NAMES,
        **KEEPALIVE,
    )


_named: dict[str, Database] = {}


def use(database: Database, name: str = "default") -> None:
    """Register a database for tasks' effects by its name; once a process."""
    _named[name] = database


def named(name: str, task: str) -> Database:
    """Return the database of a task's effects.

    Args:
        name: the database's name in :func:`use`.
        task: the task's name.

    Raises:
        RuntimeError: this process has registered no such database.
    """
    try:
        return _named[name]
    except KeyError:
        message = f"{task} needs the database {name!r}: register it with landfast_outbox.databases.use()"
        raise RuntimeError(message) from None


def any_registered() -> bool:
    """Return whether this process has registered a database."""
    return bool(_named)


def first() -> Database:
    """Return the database that was registered first: each database has the outbox's tables.

    Raises:
        RuntimeError: this process has registered none.
    """
    return named(next(iter(_named), "default"), "the worker")
