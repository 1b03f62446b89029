"""A PostgreSQL of the tests' own with the outbox's tables; nothing listens at RabbitMQ's address."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import django
import psycopg
import pytest
from django.conf import settings
from landfast_outbox import databases, endings, writing
from landfast_outbox.databases import connect
from landfast_outbox.django.database import DjangoDatabase, use_django
from landfast_outbox.psycopg import PsycopgDatabase
from landfast_outbox.relay import Relay
from landfast_outbox.settings import Periods
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase, use_sqlalchemy
from landfast_outbox.tally import Meters, Tally
from landfast_runtime.connections import Postgres
from landfast_testing.outbox import EMPTY, Outbox, make_tables
from landfast_testing.postgres import server
from landfast_testing.waiting import DEADLINE
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from tests import bodies
from tests.relaying import FakePublisher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from django.db.backends.base.base import BaseDatabaseWrapper
    from landfast_outbox.publisher import Publisher
    from psycopg import Connection
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from tests.bodies import Kind

DATABASE = "outbox"

#: The table of tasks' effects.
EFFECTS = "CREATE TABLE effect (what text NOT NULL)"


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """This test run's database, with the outbox's tables and one for effects."""
    running = server()
    dsn = running.make_database(DATABASE)
    make_tables(running.url(DATABASE))
    with psycopg.connect(dsn) as connection:
        connection.execute(EFFECTS)
    return Postgres(running.host, running.port, DATABASE, running.user, "")


@contextmanager
def opened(postgres: Postgres, name: str) -> Iterator[Connection[Any]]:
    """Connect as the outbox does, with the tests' own tables in the search path."""
    with connect(postgres, name) as connection:
        connection.execute("SET search_path = public")
        yield connection


@pytest.fixture
def connection(postgres: Postgres) -> Iterator[Connection[Any]]:
    """A connection in autocommit mode; the test's rows are removed at the end."""
    with opened(postgres, "test") as own:
        yield own
    with opened(postgres, "test") as own:
        own.execute(EMPTY)
        own.execute("TRUNCATE effect")


@pytest.fixture
def other(postgres: Postgres) -> Iterator[Connection[Any]]:
    """A second one."""
    with opened(postgres, "another") as own:
        yield own


@pytest.fixture
def outbox(connection: Connection[Any]) -> Outbox:
    """Reads the tasks that were written and committed."""
    return Outbox(lambda query: connection.execute(query.encode()).fetchall())


@pytest.fixture(scope="session")
def engine(postgres: Postgres) -> Iterator[Engine]:
    """SQLAlchemy's engine for the database."""
    made = create_engine(server().url(postgres.database))
    yield made
    made.dispose()


@pytest.fixture
def sessions(connection: Connection[Any], engine: Engine) -> Iterator[sessionmaker[Session]]:  # noqa: ARG001 - cleans up
    """A factory of sessions that tasks belong to; outside them a task is a transaction of its own."""
    made = sessionmaker(engine)
    use_sqlalchemy(engine, made)
    yield made
    engine.dispose()  # a test may have cut its connections
    writing._default.clear()  # noqa: SLF001 - a process never resets it


@pytest.fixture(scope="session")
def _django(postgres: Postgres) -> None:
    options = {"ENGINE": "django.db.backends.postgresql", "HOST": postgres.host, "PORT": postgres.port}
    settings.configure(DATABASES={"default": {**options, "NAME": postgres.database, "USER": postgres.user}})
    django.setup()


@pytest.fixture
def django_connection(connection: Connection[Any], _django: None) -> Iterator[BaseDatabaseWrapper]:  # noqa: ARG001
    """Django's connection, set up for the writing of tasks."""
    from django.db import connection as found  # noqa: PLC0415 - the settings must be there first

    use_django()
    yield found
    found.close()
    writing._default.clear()  # noqa: SLF001 - as above


@pytest.fixture
def worker_databases(
    request: pytest.FixtureRequest, postgres: Postgres, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The databases that a worker's tasks may name; retries do not wait."""
    request.getfixturevalue("django_connection")
    request.getfixturevalue("sessions")
    monkeypatch.setattr(endings, "FIRST_WAIT", 0.01)
    databases.use(SQLAlchemyDatabase(lambda: engine, postgres))
    databases.use(DjangoDatabase(postgres), "django")
    plain = PsycopgDatabase(postgres)
    databases.use(plain, "psycopg")
    yield
    plain.reset()


@pytest.fixture(params=list(bodies.KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    """A task, and the function by which its body leaves an effect."""
    return bodies.KINDS[request.param]


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def make(postgres: Postgres, publisher: FakePublisher, stopping: threading.Event) -> Callable[..., Relay]:
    """Return a function that makes a relay."""

    def make(**periods: timedelta) -> Relay:
        taken = cast("Publisher", publisher)
        tally = Tally(Meters(), "shop")
        return Relay(partial(connect, postgres, "relay"), taken, Periods(**periods), stopping, tally)

    return make


@pytest.fixture
def running(stopping: threading.Event, connection: Connection[Any]) -> Iterator[Callable[[Relay], None]]:
    """Return a function that lets a relay run until the end of the test."""
    threads: list[threading.Thread] = []

    def run(relay: Relay) -> None:
        threads.append(threading.Thread(target=relay.run))
        threads[-1].start()

    yield run
    stopping.set()
    connection.execute("NOTIFY outbox")
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()
