"""The database for tasks and maintenance: one connection, and long timeouts."""

from __future__ import annotations

from functools import cache

from landfast_outbox.databases import KEEPALIVE
from landfast_runtime.connections import Postgres
from landfast_runtime.env import Env
from sqlalchemy import Engine, create_engine

from api.db import CONNECT_TIMEOUT, database_url, with_living_connections

#: Milliseconds after which a task's statement is cancelled; each statement reads or writes one part of the work.
STATEMENT_TIMEOUT = 60_000


@cache
def engine() -> Engine:
    """Return the process's engine, which the first task creates, so that the pool's fork inherits no connection."""
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
