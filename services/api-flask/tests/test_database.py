from __future__ import annotations

import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from api import db
from api.app import create_app
from api.db import CONNECT_TIMEOUT, database_url, serving_engine, transaction, with_living_connections
from api.models import Task
from landfast_testing.entrance import Entrance
from landfast_testing.postgres import USER, server
from landfast_testing.waiting import DEADLINE, PATIENCE, wait_until
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.config import Settings
    from flask import Flask
    from landfast_testing.outbox import Outbox
    from sqlalchemy import Engine


def test_a_password_may_hold_any_character(settings: Settings) -> None:
    url = database_url(replace(settings.database.postgres, password="p@ss/w:rd?&%#"))

    assert url.password == "p@ss/w:rd?&%#"
    assert "p@ss" not in str(url)


def test_it_keeps_a_connection_for_each_thread(settings: Settings) -> None:
    assert serving_engine(settings.database.postgres, connections=3).pool.status().startswith("Pool size: 3")


@pytest.fixture
def living(engine: Engine) -> Iterator[Engine]:
    """An engine with one permanent connection."""
    made = with_living_connections(create_engine(engine.url, pool_size=1, max_overflow=0))
    yield made
    made.dispose()


def process(engine: Engine) -> int:
    """Return the process id of the server's end of the engine's connection."""
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def end_session(engine: Engine, process: int) -> None:
    """Let the server end a session by its process id, and wait until it has."""
    with engine.connect() as other:
        assert other.scalar(text(f"SELECT pg_terminate_backend({process}, 10000)"))


def test_a_connection_that_the_server_closed_is_not_handed_out(living: Engine, engine: Engine) -> None:
    before = process(living)
    end_session(engine, before)

    assert process(living) != before


def test_a_transaction_begins_on_another_connection_if_the_server_ends_the_session_in_that_moment(
    living: Engine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = process(living)
    end_session(engine, before)
    monkeypatch.setattr(db, "was_closed", lambda _: False)

    with living.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE begun (number int) ON COMMIT DROP"))
        assert connection.scalar(text("SELECT pg_backend_pid()")) != before
    assert living.pool.status().endswith("Checked out connections: 0")


def test_a_transaction_goes_to_no_other_connection_once_it_has_begun(living: Engine, engine: Engine) -> None:
    with living.connect() as connection:
        end_session(engine, connection.scalar(text("SELECT pg_backend_pid()")))
        with pytest.raises(OperationalError):
            connection.scalar(text("SELECT 42"))


def test_a_connection_that_was_long_idle_is_tried_first(living: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = process(living)
    monkeypatch.setattr(db, "LONG_IDLE", 0.0)
    assert process(living) == before
    monkeypatch.setattr(db, "_answers", lambda _: False)

    assert process(living) != before


def test_a_connection_in_use_costs_no_trip_of_its_own(living: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "LONG_IDLE", 60.0)
    monkeypatch.setattr(db, "_answers", lambda _: pytest.fail("it was tried"))

    assert process(living) == process(living)


def test_a_transaction_that_fails_leaves_nothing(app: Flask) -> None:
    def write_and_fail() -> None:
        with transaction() as session:
            session.add(Task(id=uuid.uuid4(), name="one"))
            session.flush()
            raise LookupError

    with app.app_context():
        with pytest.raises(LookupError):
            write_and_fail()
        with transaction() as session:
            assert session.scalar(select(func.count()).select_from(Task)) == 0


def test_a_database_that_never_answers_holds_a_request_for_seconds_only(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        postgres = replace(settings.database.postgres, port=silent.getsockname()[1])
        client = create_app(replace(settings, database=replace(settings.database, postgres=postgres))).test_client()
        started = time.monotonic()
        response = client.post("/api/v1/tasks/add", json={"x": 4, "y": 4})

    assert response.status_code == 503
    assert CONNECT_TIMEOUT <= time.monotonic() - started < CONNECT_TIMEOUT + 2 * PATIENCE


def test_tasks_wait_while_the_database_restarts_and_each_is_written_once(
    settings: Settings, engine: Engine, outbox: Outbox
) -> None:
    place = {"host": "127.0.0.1", "user": USER, "database": str(engine.url.database)}
    with Entrance(server()) as entrance, ThreadPoolExecutor(4) as threads:
        postgres = replace(settings.database.postgres, port=entrance.port, **place)
        serving = serving_engine(postgres, connections=4)
        app = create_app(settings, serving)

        def send() -> int:
            return app.test_client().post("/api/v1/tasks/add", json={"x": 4, "y": 4}).status_code

        # A busy machine may take longer for the first connections than requests wait.
        wait_until(
            lambda: [done.result() for done in [threads.submit(send) for _ in range(4)]] == [202] * 4, "connections"
        )
        before = len(outbox.tasks)
        entrance.close()
        waiting = [threads.submit(send) for _ in range(4)]
        entrance.wait_for_refusal()
        assert app.test_client().get("/healthz").status_code == 200
        entrance.open()

        assert [done.result(DEADLINE) for done in waiting] == [202] * 4
        serving.dispose()
    assert len(outbox.tasks) == before + 4
