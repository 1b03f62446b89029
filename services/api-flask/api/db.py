"""The database: one engine a process, and sessions that end with their transaction.

An engine opens no connection before it is first used, and uWSGI builds the application after it forked
(``lazy-apps``), so no two processes ever share a connection.
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

#: Seconds to wait for a connection: from PostgreSQL (libpq knows no shorter timeout), or from the pool.
CONNECT_TIMEOUT = 2

#: Milliseconds after which a request's statement is cancelled, and a connection whose peer is silent given up.
STATEMENT_TIMEOUT = 5000

#: Seconds without use after which a connection is tried by a trip to the server before it is used again.
LONG_IDLE = 1.0

_EXTENSION = "landfast.sessions"

_JOINED = "joined_transaction"


def database_url(settings: Postgres) -> URL:
    """Return the database's URL; the tables are found by the role's ``search_path``."""
    return URL.create(
        "postgresql+psycopg",
        username=settings.user,
        password=settings.password,
        host=settings.host,
        port=settings.port,
        database=settings.database,
    )


def serving_engine(settings: Postgres, connections: int) -> Engine:
    """Return an engine for requests: they wait for a server that restarts, and not for long at one that is silent.

    Args:
        settings: the database.
        connections: how many to keep at most: one for each thread.
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
    """Let an engine hand out connections that live, and return it.

    ``pool_pre_ping`` makes a trip to the server each time: as many as sending a task takes itself. A server that ends
    closes its connections, and that is seen without a trip; that one vanished silently is only found out by one.
    """

    @event.listens_for(engine, "checkout")
    def check(connection: Connection[Any], record: ConnectionPoolEntry, _fairy: object) -> None:
        now = time.monotonic()
        if was_closed(connection) or (now - record.info.get("used", now) > LONG_IDLE and not _answers(connection)):
            raise InvalidatePoolError  # the pool opens others
        record.info["used"] = now

    @event.listens_for(engine, "begin")
    def begin(transacting: Transacting) -> None:
        """Begin on a connection that lives: the server may have ended its session since it was looked at."""
        until = time.monotonic() + PATIENCE
        while not has_begun(_drivers(transacting)) and time.monotonic() < until:
            transacting.invalidate()  # the next look at it opens another

    return engine


def _drivers(connection: Transacting) -> Connection[Any]:
    """Return psycopg's connection behind one of SQLAlchemy's."""
    drivers: Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment] # the URL says so
    return drivers


def _answers(connection: Connection[Any]) -> bool:
    """Return whether the server answers, which takes one trip outside a transaction."""
    try:
        before, connection.autocommit = connection.autocommit, True
        connection.execute("SELECT")
        connection.autocommit = before
    except psycopg.Error:
        return False
    return True


@contextmanager
def transaction() -> Iterator[Session]:
    """Give a session that commits when the ``with`` block ends, and rolls back when the block raises.

    Within :func:`joined_transaction` it is a part of that one, which alone commits.
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
    """Give a session like :func:`transaction`, of which every :func:`transaction` within becomes a part."""
    with transaction() as session:
        setattr(g, _JOINED, session)
        try:
            yield session
        finally:
            g.pop(_JOINED)


def init_database(app: Flask, engine: Engine) -> None:
    """Give ``app`` its engine; tasks are written in the transaction of the session that they are sent from."""
    sessions = sessionmaker(engine)
    app.extensions[_EXTENSION] = sessions
    use_sqlalchemy(engine, sessions)
