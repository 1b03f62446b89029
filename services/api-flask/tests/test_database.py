from __future__ import annotations

import socket
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from api.app import create_app
from api.db import CONNECT_TIMEOUT, database_url, serving_engine, transaction
from api.models import Task
from sqlalchemy import func, select

if TYPE_CHECKING:
    from api.config import Settings
    from flask import Flask


def test_a_password_may_hold_any_character(settings: Settings) -> None:
    url = database_url(replace(settings.database.postgres, password="p@ss/w:rd?&%#"))

    assert url.password == "p@ss/w:rd?&%#"
    assert "p@ss" not in str(url)


def test_it_keeps_a_connection_for_each_thread(settings: Settings) -> None:
    assert serving_engine(settings.database.postgres, connections=3).pool.status().startswith("Pool size: 3")


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
    assert CONNECT_TIMEOUT <= time.monotonic() - started < CONNECT_TIMEOUT + 2
