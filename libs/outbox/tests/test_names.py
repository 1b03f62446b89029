"""Names without a schema: the owner of a database sets their search path, and the house does not depend on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
from landfast_outbox import readiness, schema
from landfast_outbox.databases import connect
from landfast_testing.outbox import make_tables
from landfast_testing.postgres import server

if TYPE_CHECKING:
    from landfast_runtime.connections import Postgres

#: Functions by which an owner traps everybody who connects: each of these names is called somewhere without its schema.
TRAPS = [
    f"CREATE FUNCTION evil.{name}() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$"
    for name in ("now", "clock_timestamp", "statement_timestamp")
]


def trapped(postgres: Postgres) -> Postgres:
    """Return a database whose owner has set a malicious search path."""
    there = replace(postgres, database="trapped")
    dsn = server().make_database(there.database)
    make_tables(server().url(there.database))
    with psycopg.connect(dsn, autocommit=True) as owner:
        for statement in ("CREATE SCHEMA evil", *TRAPS, "ALTER DATABASE trapped SET search_path = evil, pg_catalog"):
            owner.execute(statement.encode())
    return there


def test_a_database_s_owner_leads_neither_relay_nor_migrations_nor_readiness_astray(postgres: Postgres) -> None:
    there = trapped(postgres)

    with connect(there, "relay") as connection:
        assert connection.execute("SELECT now() IS NOT NULL").fetchone() == (True,)
    schema.upgrade(schema._engine(there))  # noqa: SLF001 - the one-shot's own function
    assert readiness.check(there)() is not None
