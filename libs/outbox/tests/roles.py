"""A database of its own for tests that need roles: these are the whole server's, so one test has them at a time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from landfast_outbox import schema
from landfast_testing.postgres import server
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

DATABASE, OWNER = "rights", "outbox_owner"
#: The roles that migrations name, which granted each of them its rights once; and others.
FORMER = ("web", "api", "worker", "relay")
OTHERS = ("shop", "clerk", "stranger")

PARTS = {"writers": ["shop"], "workers": ["worker"], "operators": ["clerk"], "relays": ["relay"]}


@contextmanager
def schema_of(*roles: str) -> Iterator[Connection[Any]]:
    """Make a database with an empty schema and some roles, and hand out its owner's connection."""
    with psycopg.connect(server().make_database(DATABASE), autocommit=True) as connection:
        for role in (OWNER, *roles):
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("CREATE SCHEMA outbox AUTHORIZATION {}").format(sql.Identifier(OWNER)))
    try:
        with psycopg.connect(server().dsn(DATABASE), options=f"-c role={OWNER}", autocommit=True) as connection:
            yield connection
    finally:
        server().make_database(DATABASE)
        with psycopg.connect(server().dsn(), autocommit=True) as connection:
            for role in (OWNER, *roles):
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def migrate() -> None:
    """Run the migrations as the schema's owner."""
    engine = create_engine(server().url(DATABASE), connect_args={"options": f"-c role={OWNER}"}, poolclass=NullPool)
    schema.upgrade(engine)
