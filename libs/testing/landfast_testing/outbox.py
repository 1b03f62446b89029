"""The outbox in tests: its tables in the tests' database, and the tasks that were written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from landfast_outbox import schema
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from sqlalchemy import URL

#: Every task, the oldest first; for psycopg, Django and SQLAlchemy.
WRITTEN = "SELECT id, name, queue, body, headers::text FROM outbox.task ORDER BY sequence"

EMPTY = "TRUNCATE outbox.stored_task, outbox.setback"


@dataclass(frozen=True)
class Written:
    """A task that was written and committed."""

    id: str
    name: str
    queue: str
    arguments: list[Any]
    headers: dict[str, Any]

    @classmethod
    def of(cls, row: tuple[UUID, str, str, str, str]) -> Written:
        """Return a row of :data:`WRITTEN`."""
        identifier, name, queue, body, headers = row
        return cls(str(identifier), name, queue, json.loads(body)[0], json.loads(headers))


class Outbox:
    """Reads the written tasks.

    Args:
        select: runs a query, and returns its rows.
    """

    def __init__(self, select: Callable[[str], list[Any]]) -> None:
        self._select = select

    @property
    def tasks(self) -> list[Written]:
        """Every task, the oldest first."""
        return [Written.of(tuple(row)) for row in self._select(WRITTEN)]


def make_tables(url: URL) -> None:
    """Create the outbox's schema and tables in a database without them."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA outbox"))
    schema.upgrade(engine)
