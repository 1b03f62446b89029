"""A database for tests that need roles: roles belong to the whole server, so one test at a time has them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from landfast_outbox import schema
from landfast_outbox.rights import Roles
from landfast_testing.postgres import server
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

DATABASE, OWNER = "rights", "outbox_owner"
#: The roles that the old migrations granted rights to, and others.
FORMER = ("web", "api", "worker", "relay")
OTHERS = ("shop", "clerk", "stranger")

#: What a role of a part may do with queues.
VERBS = {"writers": ("run", "write"), "workers": ("run", "write"), "operators": ("run",), "relays": ("run",)}


def roles(queue: str = "*", /, **parts: Sequence[str]) -> Roles:
    """Return roles of a database.

    Args:
        queue: the queue whose tasks all of them may run or write.
        **parts: the roles of each part.
    """
    found = {role: {verb: [queue] for verb in VERBS[part]} for part, named in parts.items() for role in named}
    return Roles(parts, found)


PARTS = {"writers": ["shop"], "workers": ["worker"], "operators": ["clerk"], "relays": ["relay"]}
ROLES = roles("*", **PARTS)


@contextmanager
def schema_of(*roles: str) -> Iterator[Connection[Any]]:
    """Create a database with an empty schema and some roles, and yield its owner's connection."""
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


def migrate(revision: str = "head") -> None:
    """Run the migrations as the schema's owner, up to a revision."""
    engine = create_engine(server().url(DATABASE), connect_args={"options": f"-c role={OWNER}"}, poolclass=NullPool)
    schema.upgrade(engine, revision)
