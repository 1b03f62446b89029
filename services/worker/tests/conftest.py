"""Settings for tests: generated secrets, a database, no broker and no Redis. They precede the worker's modules."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from landfast_outbox import databases
from landfast_outbox.psycopg import PsycopgDatabase
from landfast_runtime.connections import Postgres
from landfast_runtime.env import Env
from landfast_testing.outbox import EMPTY, Outbox, make_tables
from landfast_testing.postgres import server

if TYPE_CHECKING:
    from collections.abc import Iterator

_secrets = Path(tempfile.mkdtemp(prefix="worker-tests-"))
for _name in ("rabbitmq_password", "redis_password", "postgres_password"):
    (_secrets / _name).write_text("only-for-tests-0123456789-0123456789")

_postgres = server()

os.environ |= {
    "SECRETS_DIR": str(_secrets),
    "RABBITMQ_HOST": "127.0.0.1",
    "RABBITMQ_PORT": "1",
    "RABBITMQ_USER": "worker",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "1",
    "REDIS_USER": "worker",
    "POSTGRES_HOST": _postgres.host,
    "POSTGRES_PORT": str(_postgres.port),
    "POSTGRES_DB": "worker",
    "POSTGRES_USER": _postgres.user,
}


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """The database in the environment, with the outbox's tables."""
    _postgres.make_database("worker")
    make_tables(_postgres.url("worker"))
    return Postgres.from_env(Env())


@pytest.fixture
def connection(postgres: Postgres) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit mode; the outbox is emptied."""
    with psycopg.connect(**postgres.parameters, autocommit=True) as own:
        yield own
        own.execute(EMPTY)


@pytest.fixture
def outbox(connection: psycopg.Connection[Any]) -> Outbox:
    """Reads the tasks that the test sends."""
    return Outbox(lambda query: connection.execute(query.encode()).fetchall())


@pytest.fixture
def at_work(postgres: Postgres) -> Iterator[None]:
    """The database, registered like in a worker."""
    database = PsycopgDatabase(postgres)
    databases.use(database)
    yield
    database.reset()
    databases._named.clear()  # noqa: SLF001 - a process never resets it
