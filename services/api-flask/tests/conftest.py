"""The API on a PostgreSQL of the tests' own; nothing listens at the other services' addresses."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from api.access import SCOPES
from api.app import create_app
from api.config import Settings
from api.db import transaction
from api.keys import store
from api.tables import Base
from landfast_runtime import health
from landfast_runtime.env import Env
from landfast_testing.outbox import EMPTY, Outbox, make_tables
from landfast_testing.postgres import server
from landfast_testing.waiting import DEADLINE
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy import URL, Engine

#: A reserved port that nothing listens on.
NOBODY = "1"


def pytest_configure(config: pytest.Config) -> None:
    """Set the variables and secrets of the service's container."""
    directory = tempfile.TemporaryDirectory()
    config.add_cleanup(directory.cleanup)
    for name in ("postgres_password", "redis_password"):
        Path(directory.name, name).write_text(f"not-a-real-{name}\n", encoding="utf-8")
    # Hypothesis, below Schemathesis, would store its examples in the folder that the image is built from.
    memory = tempfile.TemporaryDirectory()
    config.add_cleanup(memory.cleanup)
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = memory.name
    os.environ["SECRETS_DIR"] = directory.name
    for service in ("POSTGRES", "REDIS", "REDIS_CACHE"):
        os.environ[f"{service}_HOST"] = "127.0.0.1"
        os.environ[f"{service}_PORT"] = NOBODY
    for service in ("POSTGRES", "REDIS"):
        os.environ[f"{service}_USER"] = "api"
    os.environ["COMPOSE_PROFILES"] = "dramatiq"
    os.environ["API_ADDRESS_RATE_LIMIT"] = "1000000"  # all tests have one address


@dataclass
class Results:
    """Has results in place of Redis, as a worker writes them."""

    stored: dict[str, str] = field(default_factory=dict)

    def get(self, key: str) -> str | None:
        return self.stored.get(key)

    def store(self, task_id: str, status: str, result: object) -> None:
        meta = {"status": status, "result": result, "traceback": None, "children": [], "task_id": task_id}
        self.stored[f"celery-task-meta-{task_id}"] = json.dumps(meta)


def postgres_url(database: str) -> URL:
    """Create an empty database and return its URL."""
    postgres = server()
    postgres.make_database(database)
    return postgres.url(database)


@pytest.fixture
def settings() -> Settings:
    return Settings.from_env(Env())


@pytest.fixture(scope="session")
def database() -> Iterator[Engine]:
    """This test run's database, with all tables."""
    engine = create_engine(postgres_url("api"))
    make_tables(engine.url)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database: Engine) -> Iterator[Engine]:
    """The database; the test's rows are removed."""
    yield database
    tables = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
    with database.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables}"))
        connection.execute(text(EMPTY))


@pytest.fixture
def app(settings: Settings, engine: Engine) -> Flask:
    return create_app(settings, engine)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def outbox(engine: Engine) -> Outbox:
    def select(query: str) -> list[Any]:
        with engine.begin() as connection:
            return list(connection.execute(text(query)))

    return Outbox(select)


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Results:
    results = Results()
    monkeypatch.setattr("redis.Redis.get", lambda _, key: results.get(key))
    return results


@pytest.fixture
def task_id(client: FlaskClient, outbox: Outbox) -> str:
    """The id of a task that the API has issued."""
    response = client.post("/api/v1/tasks/add", json={"x": 4, "y": 4})
    assert [task.id for task in outbox.tasks] == [response.json["id"]]  # type: ignore[index]
    return str(uuid.UUID(response.json["id"]))  # type: ignore[index]


@pytest.fixture
def make_key(app: Flask) -> Callable[..., str]:
    """Return a function that creates an API key and returns its text."""

    def make(*scopes: str, **options: Any) -> str:  # noqa: ANN401 - arguments of store.create
        with app.app_context(), transaction() as session:
            return store.create(session, "a test", scopes or tuple(SCOPES), **options)

    return make


def owner_of(engine: Engine, key: str) -> uuid.UUID:
    """Return the owner of the rows of a key."""
    with Session(engine) as session:
        return store.find(session, key.split("_")[1]).owner_id


@pytest.fixture
def owner(engine: Engine, authorized: dict[str, str]) -> uuid.UUID:
    """The owner of the rows of the key with all scopes."""
    return owner_of(engine, authorized["Authorization"])


@pytest.fixture
def authorized(make_key: Callable[..., str]) -> dict[str, str]:
    """The header of a key with all scopes."""
    return {"Authorization": f"Bearer {make_key()}"}


@pytest.fixture(autouse=True)
def _unhurried_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give checks that answer at once long: a busy machine may hold a test up for seconds."""
    monkeypatch.setattr(health, "CHECK_TIMEOUT", DEADLINE)
