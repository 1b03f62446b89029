"""The database: one engine a process, and sessions that end with their transaction.

An engine opens no connection before it is first used, and uWSGI builds the application after it forked
(``lazy-apps``), so no two processes ever share a connection.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import Flask, current_app, g
from landfast_outbox.writing import use_sqlalchemy
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from landfast_runtime.connections import Postgres

#: Seconds to wait for a connection: from PostgreSQL (libpq knows no shorter timeout), or from the pool.
CONNECT_TIMEOUT = 2

#: Milliseconds after which a request's statement is cancelled, and a connection whose peer is silent given up.
STATEMENT_TIMEOUT = 5000

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
    """Return an engine for requests, which fails within seconds rather than let them wait.

    Args:
        settings: the database.
        connections: how many to keep at most: one for each thread.
    """
    return create_engine(
        database_url(settings),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT,
            "tcp_user_timeout": STATEMENT_TIMEOUT,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT}",
            "application_name": "api-flask",
        },
    )


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
