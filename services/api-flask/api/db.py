"""The database: one engine for each process, and sessions that end with their transaction.

An engine opens its first connection when it is used, and uWSGI builds the application after the fork (``lazy-apps``),
so no two processes ever share a connection.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from flask import Flask, current_app, g
from landfast_outbox.sqlalchemy import use_sqlalchemy
from landfast_runtime.postgres.restarts import PATIENCE, Outage, was_closed
from landfast_runtime.postgres.statements import has_begun
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session, sessionmaker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from landfast_runtime.connections import Postgres
    from psycopg import Connection
    from sqlalchemy import Connection as Transacting
    from sqlalchemy import Dialect
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

#: Seconds to wait for a connection: from PostgreSQL (libpq has no shorter timeout), or from the pool.
CONNECT_TIMEOUT = 2

#: Milliseconds after which a request's statement is cancelled, and a connection with a silent peer is given up.
STATEMENT_TIMEOUT = 5000

#: Seconds without use after which a connection is tested by a round trip before it is used again.
LONG_IDLE = 1.0

_EXTENSION = "landfast.sessions"

_JOINED = "joined_transaction"


def database_url(settings: Postgres) -> URL:
    """Return the database's URL; the role's ``search_path`` finds the tables."""
    return URL.create(
        "postgresql+psycopg",
        username=settings.user,
        password=settings.password,
        host=settings.host,
        port=settings.port,
        database=settings.database,
    )


def serving_engine(settings: Postgres, connections: int) -> Engine:
    """Return an engine for requests, which wait for a server that restarts, and only briefly for a silent one.

    Args:
        settings: the database.
        connections: the most connections to keep, one for each thread.
    """
    engine = with_living_connections(
        create_engine(
            database_url(settings),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=CONNECT_TIMEOUT,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT,
                "tcp_user_timeout": STATEMENT_TIMEOUT,
                "options": f"-c statement_timeout={STATEMENT_TIMEOUT}",
                "application_name": "api-flask",
            },
        )
    )
    outage = Outage()

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Dialect, _record: object, arguments: list[Any], parameters: dict[str, Any]) -> DBAPIConnection:
        return outage.connect(lambda: dialect.connect(*arguments, **parameters))

    return engine


def with_living_connections(engine: Engine) -> Engine:
    """Let an engine return only live connections, and return the engine.

    ``pool_pre_ping`` costs a round trip each time, as many as the sending of a task. A server that stops closes its
    connections, which can be detected without a round trip; only a silent disappearance needs one.
    """

    @event.listens_for(engine, "checkout")
    def check(connection: Connection[Any], record: ConnectionPoolEntry, _fairy: object) -> None:
        now = time.monotonic()
        if was_closed(connection) or (now - record.info.get("used", now) > LONG_IDLE and not _answers(connection)):
            raise InvalidatePoolError  # the pool opens others
        record.info["used"] = now

    @event.listens_for(engine, "begin")
    def begin(transacting: Transacting) -> None:
        """Begin on a live connection: the server may have ended its session since the last check."""
        until = time.monotonic() + PATIENCE
        while not has_begun(_drivers(transacting)) and time.monotonic() < until:
            transacting.invalidate()  # the next use opens another

    return engine


def _drivers(connection: Transacting) -> Connection[Any]:
    """Return psycopg's connection behind one of SQLAlchemy's."""
    drivers: Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment] # the URL says so
    return drivers


def _answers(connection: Connection[Any]) -> bool:
    """Return whether the server answers, in one round trip outside a transaction."""
    try:
        before, connection.autocommit = connection.autocommit, True
        connection.execute("SELECT")
        connection.autocommit = before
    except psycopg.Error:
        return False
    return True


@contextmanager
def transaction() -> Iterator[Session]:
    """Yield a session that commits at the end of the ``with`` block, and rolls back if the block raises.

    Within :func:`joined_transaction` it is a part of that transaction, and only the latter commits.
    """
    outer: Session | None = g.get(_JOINED)
    if outer is not None:
        with outer.begin_nested():
            yield outer
        return
    sessions: sessionmaker[Session] = current_app.extensions[_EXTENSION]
    with sessions.begin() as session:
        yield session


@contextmanager
def joined_transaction() -> Iterator[Session]:
    """Yield a session like :func:`transaction`; every :func:`transaction` within the block becomes a part of it."""
    with transaction() as session:
        setattr(g, _JOINED, session)
        try:
            yield session
        finally:
            g.pop(_JOINED)


def init_database(app: Flask, engine: Engine) -> None:
    """Set the engine of ``app``; tasks are written in the transaction of the open session."""
    sessions = sessionmaker(engine)
    app.extensions[_EXTENSION] = sessions
    use_sqlalchemy(engine, sessions)
