"""The database as tasks and upkeep reach it: a connection, and time for large work."""

from __future__ import annotations

from functools import cache

from landfast_outbox.databases import KEEPALIVE
from landfast_runtime.connections import Postgres
from landfast_runtime.env import Env
from sqlalchemy import Engine, create_engine

from api.db import CONNECT_TIMEOUT, database_url, with_living_connections

#: Milliseconds after which a task's statement is cancelled; each reads or writes one part of the work.
STATEMENT_TIMEOUT = 60_000


@cache
def engine() -> Engine:
    """Return the process's engine, made when the first task asks: no connection crosses the pool's fork."""
    return with_living_connections(
        create_engine(
            database_url(Postgres.from_env(Env())),
            pool_size=1,
            max_overflow=1,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT,
                **KEEPALIVE,
                "options": f"-c statement_timeout={STATEMENT_TIMEOUT}",
                "application_name": "api-worker",
            },
        )
    )
