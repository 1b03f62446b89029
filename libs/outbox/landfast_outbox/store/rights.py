"""Statements on roles' rights on the outbox's schema and its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection

#: The key of the advisory lock that lets one process change rights at a time. The number has no meaning.
LOCK = 8_153_204_418

#: Owners' rights are left out, because they are implicit. The grantee 0 is PUBLIC, which stands for all roles.
_RIGHTS: LiteralString = """
    SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, privilege_type, relation, field
    FROM (
        SELECT nspowner AS owner, nspacl AS acl, '' AS relation, '' AS field FROM pg_namespace WHERE nspname = 'outbox'
        UNION ALL
        SELECT relowner, relacl, relname::text, '' FROM pg_class
        WHERE relnamespace = to_regnamespace('outbox') AND relkind IN ('r', 'v')
        UNION ALL
        SELECT relowner, attacl, relname::text, attname::text FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
        WHERE relnamespace = to_regnamespace('outbox') AND relkind IN ('r', 'v')
    ) AS objects, aclexplode(acl)
    WHERE grantee <> owner
"""


#: Access to the tasks of queues; revision 0004 brings it.
_ACCESS: LiteralString = "SELECT role, may, queue FROM outbox.access"


class Access(NamedTuple):
    """The right of a role to the tasks of a queue.

    Args:
        role: the role; ``PUBLIC`` stands for all roles.
        may: ``run`` for seeing and changing its tasks, ``write`` for writing new ones. The role's rights on the tables
            say which of that it really may.
        queue: the queue; ``*`` stands for all.
    """

    role: str
    may: str
    queue: str

    def __str__(self) -> str:
        """Return it in readable form."""
        return f"{self.may.upper()} tasks of {'all queues' if self.queue == '*' else f'queue {self.queue}'}"


class Right(NamedTuple):
    """A privilege of a role on the schema, a table or a column.

    Args:
        role: the role; ``PUBLIC`` stands for all roles.
        privilege: PostgreSQL's name of the privilege, such as ``SELECT``.
        table: the table; if it is empty, the schema itself.
        column: the column; if it is empty, all columns.
    """

    role: str
    privilege: str
    table: str = ""
    column: str = ""

    def __str__(self) -> str:
        """Return the right in readable form."""
        column = f" of {self.column}" if self.column else ""
        return f"{self.privilege}{column} on outbox{'.' * bool(self.table)}{self.table}"


def held(connection: Connection[Any]) -> set[Right | Access]:
    """Return what roles may do, without the owners' rights."""
    found: set[Right | Access] = {Right(*row) for row in connection.execute(_RIGHTS)}
    if _exists(connection, "outbox.access"):
        found |= {Access(*row) for row in connection.execute(_ACCESS)}
    return found


def missing_roles(connection: Connection[Any], roles: Iterable[str]) -> list[str]:
    """Return the roles that PostgreSQL does not have."""
    rows = connection.execute(
        "SELECT name FROM unnest(%s::text[]) AS name WHERE name NOT IN (SELECT rolname FROM pg_roles) ORDER BY name",
        (list(roles),),
    )
    return [name for (name,) in rows]


def missing_databases(connection: Connection[Any], databases: Iterable[str]) -> list[str]:
    """Return the databases that PostgreSQL does not have, or that this role may not connect to."""
    rows = connection.execute(
        """
        SELECT name FROM unnest(%s::text[]) AS name
        WHERE name NOT IN (SELECT datname FROM pg_database WHERE has_database_privilege(datname, 'CONNECT'))
        ORDER BY name
        """,
        (list(databases),),
    )
    return [name for (name,) in rows]


def has_tables(connection: Connection[Any]) -> bool:
    """Return whether a migration has ever run here."""
    return _exists(connection, "outbox.migration")


def _exists(connection: Connection[Any], table: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
    return bool(row and row[0])


def alone(connection: Connection[Any]) -> None:
    """Wait until no other transaction changes rights, and lock them until this one ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))


def grant(connection: Connection[Any], right: Right | Access) -> None:
    """Grant a right; the connection is the schema's owner's."""
    if isinstance(right, Access):
        connection.execute("INSERT INTO outbox.access (role, may, queue) VALUES (%s, %s, %s)", right)
        return
    connection.execute(_statement("GRANT {} ON {} TO {}", right))


def revoke(connection: Connection[Any], right: Right | Access) -> None:
    """Revoke a right.

    PostgreSQL revokes a table's privilege from each of its columns, too.
    """
    if isinstance(right, Access):
        connection.execute("DELETE FROM outbox.access WHERE (role, may, queue) = (%s, %s, %s)", right)
        return
    connection.execute(_statement("REVOKE {} ON {} FROM {}", right))


def _statement(form: LiteralString, right: Right) -> sql.Composed:
    what: sql.Composable = sql.SQL(right.privilege)
    if right.column:
        what = sql.SQL("{} ({})").format(what, sql.Identifier(right.column))
    place = sql.Identifier("outbox", right.table) if right.table else sql.SQL("SCHEMA outbox")
    who = sql.SQL("PUBLIC") if right.role == "PUBLIC" else sql.Identifier(right.role)
    return sql.SQL(form).format(what, place, who)
