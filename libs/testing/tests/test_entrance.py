"""The proxy that closes and opens like a restarting PostgreSQL, and leaves nothing of itself behind."""

from __future__ import annotations

import gc
import threading

import psycopg
import pytest
from landfast_testing.entrance import Entrance
from landfast_testing.postgres import USER, server
from landfast_testing.waiting import DEADLINE


def connect(entrance: Entrance) -> psycopg.Connection:
    limit = int(DEADLINE)
    return psycopg.connect(host="127.0.0.1", port=entrance.port, user=USER, dbname="postgres", connect_timeout=limit)


def test_it_ends_sessions_and_refuses_new_ones_until_it_opens_again() -> None:
    with Entrance(server()) as entrance:
        with connect(entrance) as old:
            entrance.close()
            with pytest.raises(psycopg.OperationalError):
                old.execute("SELECT 42")
            with pytest.raises(psycopg.OperationalError, match="shutting down"):
                connect(entrance)
            entrance.wait_for_refusal()
        entrance.open()

        with connect(entrance) as new:
            assert new.execute("SELECT 42").fetchone() == (42,)


def test_its_end_leaves_no_thread_and_no_socket() -> None:
    """A socket that is left would fail the test that runs when it is collected."""
    before = threading.active_count()
    with Entrance(server()) as entrance:
        open_sessions = [connect(entrance) for _ in range(3)]
        entrance.close()
        with pytest.raises(psycopg.OperationalError):
            connect(entrance)
    for each in open_sessions:
        each.close()
    gc.collect()

    assert threading.active_count() == before
