"""Settings for tests: made-up secrets, a database, no broker and no Redis. Read before any module of the worker is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from landfast_outbox.sqlalchemy import use_sqlalchemy
from landfast_testing.outbox import EMPTY, Outbox, make_tables
from landfast_testing.postgres import server
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine


_secrets = Path(tempfile.mkdtemp(prefix="worker-tests-"))
for _name in (
    "rabbitmq_password",
    "redis_password",
    "postgres_password",
    "django_secret_key",
):
    (_secrets / _name).write_text("only-for-tests-0123456789-0123456789")

# Django's own checks, which Celery asks for when it loads tasks, look at the database.
_postgres = server()
_postgres.make_database("landfast")

os.environ |= {
    "SECRETS_DIR": str(_secrets),
    "RABBITMQ_HOST": "127.0.0.1",
    "RABBITMQ_PORT": "1",
    "RABBITMQ_USER": "worker",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "1",
    "REDIS_CACHE_HOST": "127.0.0.1",
    "REDIS_CACHE_PORT": "1",
    "REDIS_USER": "worker",
    "POSTGRES_HOST": _postgres.host,
    "POSTGRES_PORT": str(_postgres.port),
    "POSTGRES_USER": _postgres.user,
}


@pytest.fixture(scope="session")
def database() -> Iterator[Engine]:
    """A database with the outbox's tables."""
    postgres = server()
    postgres.make_database("worker")
    engine = create_engine(postgres.url("worker"))
    make_tables(engine.url)
    use_sqlalchemy(engine, sessionmaker(engine))
    yield engine
    engine.dispose()


@pytest.fixture
def outbox(database: Engine) -> Iterator[Outbox]:
    """What reads the tasks that the test sends."""

    def select(query: str) -> list[Any]:
        with database.begin() as connection:
            return list(connection.execute(text(query)))

    yield Outbox(select)
    with database.begin() as connection:
        connection.execute(text(EMPTY))
