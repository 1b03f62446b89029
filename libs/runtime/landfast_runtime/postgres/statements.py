"""Statements without psycopg's cursors, which would make a round trip for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import OperationalError
from psycopg.errors import error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.pq.abc import PGresult


def in_one_trip(connection: Connection[Any], statements: bytes) -> Sequence[PGresult]:
    """Run semicolon-separated statements, and return the result of each; statements after a failed one do not run.

    Raises:
        psycopg.Error: one of them failed.
    """
    with connection.lock:
        connection.pgconn.send_query(statements)
        results: list[PGresult] = connection.wait(execute(connection.pgconn))
    if results[-1].status == ExecStatus.FATAL_ERROR:
        raise error_from_result(results[-1], encoding=connection.info.encoding)
    return results


def begin_statement(connection: Connection[Any]) -> str:
    """Return the statement that begins a transaction of the connection's isolation level."""
    level = connection.isolation_level
    return f"BEGIN ISOLATION LEVEL {level.name.replace('_', ' ')}" if level else "BEGIN"


def has_begun(connection: Connection[Any]) -> bool:
    """Begin a transaction, and return whether the server did; if not, the connection is dead.

    The driver makes this round trip anyway, before the first statement of a transaction. Made earlier, it detects a
    session that the server has ended while nothing is lost yet: the transaction can begin on another connection.
    """
    try:
        in_one_trip(connection, begin_statement(connection).encode())
    except OperationalError:
        return False
    return True
