"""How threads share the wait for a database that is away."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db.utils import ConnectionHandler
from mysite import settings as real_settings
from mysite.postgresql.outage import Outage
from psycopg import OperationalError

DEADLINE = 10.0


def fail(outage: Outage) -> None:
    with pytest.raises(OperationalError, match="refused"), outage.attempt():
        raise OperationalError("refused")


def test_it_lets_every_thread_connect_while_the_database_is_there() -> None:
    outage, together = Outage(), threading.Barrier(4)

    def connect() -> None:
        with outage.attempt():
            together.wait(DEADLINE)

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(connect) for _ in range(4)]:
            done.result(DEADLINE)


def test_it_lets_one_thread_ask_and_tells_the_others_at_once() -> None:
    outage, asking, answered = Outage(), threading.Event(), threading.Event()
    fail(outage)

    def scout() -> None:
        with outage.attempt():
            asking.set()
            answered.wait(DEADLINE)

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(scout)
        assert asking.wait(DEADLINE)
        with pytest.raises(OperationalError, match="a moment ago"), outage.attempt():
            pass
        answered.set()
        done.result(DEADLINE)
    with outage.attempt():  # the scout found it there again
        pass


def test_it_asks_again_after_a_scout_came_back_with_nothing() -> None:
    outage = Outage()
    fail(outage)
    fail(outage)
    with outage.attempt():
        pass


def test_it_takes_a_fault_of_its_own_for_no_outage() -> None:
    outage = Outage()
    with pytest.raises(ZeroDivisionError), outage.attempt():
        raise ZeroDivisionError
    with outage.attempt(), outage.attempt():
        pass


def test_it_guards_the_connections_of_the_real_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    outage = Outage()
    monkeypatch.setattr("mysite.postgresql.base._outage", outage)
    unpooled = real_settings.DATABASES["default"] | {"OPTIONS": {"connect_timeout": 2}}
    connection = ConnectionHandler({"default": unpooled})["default"]
    with pytest.raises(OperationalError, match="refused"):
        connection.get_new_connection(connection.get_connection_params())
    with outage.attempt(), pytest.raises(OperationalError, match="a moment ago"):
        connection.get_new_connection(connection.get_connection_params())
