"""The databases that tasks make their effects in, by the names that tasks give them, and how they are reached.

A framework's adapter has the class: ``DjangoDatabase`` or ``SQLAlchemyDatabase``.
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


#: The owner of a database decides where names without a schema are looked for in it. The house's roles must not follow.
OWN_NAMES = "-c search_path=pg_catalog,pg_temp"


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
        options=OWN_NAMES,
        **KEEPALIVE,
    )


_named: dict[str, Database] = {}


def use(database: Database, name: str = "default") -> None:
    """Name a database that tasks make their effects in; once a process."""
    _named[name] = database


def named(name: str, task: str) -> Database:
    """Return the database that a task makes its effects in.

    Args:
        name: what it was given to :func:`use` by.
        task: the task's name.

    Raises:
        RuntimeError: this process does not know it.
    """
    try:
        return _named[name]
    except KeyError:
        message = f"{task} wants the database {name!r}: name it by landfast_outbox.databases.use()"
        raise RuntimeError(message) from None


def first() -> Database:
    """Return the database that was named first: each has the outbox.

    Raises:
        RuntimeError: this process named none.
    """
    return named(next(iter(_named), "default"), "the worker")
