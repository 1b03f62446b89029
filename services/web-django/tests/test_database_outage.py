"""Requests while the database restarts, and while it stays silent."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import OperationalError
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from django.db.backends.signals import connection_created
from django.db.utils import ConnectionHandler
from landfast_runtime.postgres.restarts import Outage
from landfast_testing.entrance import Entrance
from landfast_testing.postgres import server
from landfast_testing.waiting import DEADLINE
from mysite import settings as real_settings
from mysite.postgresql import base
from mysite.postgresql.base import DatabaseWrapper
from psycopg_pool import PoolTimeout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import DjangoDbBlocker


class Database:
    """A database with the real settings' options; each thread has its own connection."""

    def __init__(self, port: int) -> None:
        real = real_settings.DATABASES["default"]
        place = {"NAME": "postgres", "USER": "postgres", "HOST": "127.0.0.1", "PORT": str(port)}
        self.handler = ConnectionHandler({"default": real | place})

    @property
    def connection(self) -> DatabaseWrapper:
        """This thread's own connection."""
        connection = self.handler["default"]
        assert isinstance(connection, DatabaseWrapper)
        return connection

    def query(self, statement: str = "SELECT 42") -> Any:  # noqa: ANN401 - any value
        """Return the result of a query, like in a request."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0]

    def request(self) -> Any:  # noqa: ANN401 - any value
        """Run a query, and close the connection."""
        try:
            return self.query()
        finally:
            self.connection.close()


@pytest.fixture
def entrance() -> Iterator[Entrance]:
    with Entrance(server()) as entrance:
        yield entrance


@pytest.fixture
def database(
    entrance: Entrance, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker
) -> Iterator[Database]:
    monkeypatch.setattr("mysite.postgresql.base._outage", Outage())
    monkeypatch.setattr("mysite.postgresql.base.DatabaseWrapper._connection_pools", {})
    monkeypatch.setattr(connection_created, "receivers", [])  # they ask the usual database
    database = Database(entrance.port)
    with django_db_blocker.unblock():
        yield database
        database.connection.close()
    database.connection.close_pool()


def test_requests_wait_while_the_database_restarts(database: Database, entrance: Entrance) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert [done.result(DEADLINE) for done in [threads.submit(database.request) for _ in range(4)]] == [42] * 4
        entrance.close()
        waiting = [threads.submit(database.request) for _ in range(4)]
        entrance.wait_for_refusal()
        entrance.open()

        assert [done.result(DEADLINE) for done in waiting] == [42] * 4


def test_a_page_goes_on_with_another_connection_when_the_server_ended_its_own(
    database: Database, entrance: Entrance
) -> None:
    before = database.query("SELECT pg_backend_pid()")
    entrance.close()
    entrance.open()

    assert database.query("SELECT pg_backend_pid()") != before


def test_a_page_waits_for_a_pool_that_still_tries_to_reach_a_container_that_is_gone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lags = iter(range(3))
    give = PostgresWrapper.get_new_connection

    def lag(self: PostgresWrapper, parameters: dict[str, Any]) -> Any:  # noqa: ANN401 - as Django declares it
        if next(lags, None) is not None:
            raise PoolTimeout("couldn't get a connection after 0.50 sec")
        return give(self, parameters)

    monkeypatch.setattr(PostgresWrapper, "get_new_connection", lag)

    assert database.query() == 42
    assert next(lags, None) is None


@pytest.fixture
def unseen(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database whose server ends a session in the moment after that was looked at."""
    monkeypatch.setattr(base, "was_closed", lambda _: False)
    end_session(database)
    return database


def end_session(database: Database) -> None:
    """Let the server end the session that the next statement goes to."""
    terminate(int(database.query("SELECT pg_backend_pid()")))


def terminate(session: int) -> None:
    """Let the server end a session, and wait until it has."""
    with psycopg.connect(server().dsn(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", (session,))


def test_a_question_is_asked_again_whose_session_ended_in_that_moment(unseen: Database) -> None:
    assert unseen.query() == 42
    assert unseen.query("SELECT 43") == 43


def test_a_question_is_asked_until_a_session_lasts_as_a_server_that_drains_ends_several(
    unseen: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = iter(range(3))
    connect = base.DatabaseWrapper.connect

    def connect_and_end(self: base.DatabaseWrapper) -> None:
        connect(self)
        if next(ends, None) is not None:
            terminate(self.connection.info.backend_pid)

    monkeypatch.setattr(base.DatabaseWrapper, "connect", connect_and_end)

    assert unseen.query() == 42
    assert next(ends, None) is None


def test_a_transaction_begins_on_another_connection_whose_session_ended_in_that_moment(unseen: Database) -> None:
    unseen.connection.set_autocommit(False)
    unseen.query("WITH begun AS (SELECT set_config('landfast.begun', 'yes', true) AS yes) SELECT yes FROM begun")
    unseen.connection.rollback()

    assert not unseen.query("SELECT current_setting('landfast.begun', true)")


def test_nothing_that_may_change_something_is_sent_again(unseen: Database) -> None:
    with pytest.raises(OperationalError):
        unseen.query("CREATE TEMPORARY TABLE twice AS SELECT 42")


def test_a_question_is_not_asked_again_whose_answer_was_lost(unseen: Database, entrance: Entrance) -> None:
    unseen.query()
    entrance.close()
    entrance.open()

    with pytest.raises(OperationalError):
        unseen.query()


def test_a_task_keeps_its_session_or_fails(unseen: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    unseen.connection.close()
    monkeypatch.delitem(unseen.connection.settings_dict["OPTIONS"], "pool")  # all tests share the settings
    end_session(unseen)

    with pytest.raises(OperationalError):
        unseen.query()


def test_a_transaction_is_not_continued_on_another_connection(database: Database, entrance: Entrance) -> None:
    connection = database.connection
    connection.set_autocommit(False)
    connection.in_atomic_block = True
    database.query()
    entrance.close()
    entrance.open()

    with pytest.raises(OperationalError):
        database.query()


@pytest.mark.slow
def test_a_database_that_stays_silent_holds_a_page_for_seconds_only(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        database.connection.settings_dict["PORT"] = str(mute.getsockname()[1])
        with pytest.raises(OperationalError, match="timeout"):
            database.query()
