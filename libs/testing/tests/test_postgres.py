"""A PostgreSQL of the images' version, for one test run."""

from __future__ import annotations

from pathlib import Path

import psycopg
from landfast_testing.postgres import server

IMAGES = 17


def test_it_is_of_the_images_version_and_reached_by_its_socket_alone() -> None:
    with psycopg.connect(server().dsn()) as connection:
        version = connection.info.server_version // 10000
        listens = connection.execute("SHOW listen_addresses").fetchone()

    assert version == IMAGES
    assert listens == ("",)
    assert Path(server().host, f".s.PGSQL.{server().port}").is_socket()


def test_it_is_started_once() -> None:
    assert server() is server()


def test_it_makes_an_empty_database_each_time() -> None:
    dsn = server().make_database("made")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE old ()")

    with psycopg.connect(server().make_database("made")) as connection:
        there = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()

    assert there == (0,)
