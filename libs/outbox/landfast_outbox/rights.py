"""Rights on durable tasks: each migration run derives them from the parts that contracts assign to roles.

The migrations read ``x-landfast.durable_tasks`` of all contracts from one JSON file, by database; the shared database
has an empty name there: ``{"": {"writers": ["web"], "relays": ["relay"]}, "shop": {"writers": ["shop"]}}``.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from landfast_outbox.store import rights as store
from landfast_outbox.store.rights import Right

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from landfast_runtime.env import Env
    from psycopg import Connection

    #: Part in durable tasks -> its roles.
    Parts = Mapping[str, Sequence[str]]

#: Advice for a contract that names something that PostgreSQL does not have.
MADE_AT_START = (
    "PostgreSQL makes databases and roles when it starts: docker compose up --detach --force-recreate postgres"
)

#: The file's name in /run/secrets.
FILE = "durable_tasks.json"

#: Columns that a re-drive, or a task that is given up, changes.
_CHANGED_BY_OPERATORS = (
    "dead_at", "published_at", "due_at", "deaths", "retries", "publications", "headers", "body", "error",
)  # fmt: skip

#: Part -> its rights: privilege, table, and column unless all columns.
RIGHTS: Mapping[str, Sequence[tuple[str, ...]]] = MappingProxyType(
    {
        "writers": (("SELECT", "task"), ("INSERT", "task")),
        "workers": (
            *((privilege, "task") for privilege in ("SELECT", "INSERT", "UPDATE")),
            *((privilege, "setback") for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE")),
        ),
        "operators": (
            ("SELECT", "task"),
            *(("UPDATE", "task", column) for column in _CHANGED_BY_OPERATORS),
            ("SELECT", "setback"),
            ("DELETE", "setback"),
        ),
        "relays": (
            *((privilege, "task") for privilege in ("SELECT", "UPDATE", "DELETE")),
            ("SELECT", "setback"),
            ("DELETE", "setback"),
        ),
    }
)


def parts_from_env(env: Env) -> Mapping[str, Parts]:
    """Read the roles' parts, by database, from the derived file.

    Args:
        env: the environment, which has the file's path; a file of another form is refused by its name.
    """
    text = env.secret(FILE, minimum_length=1)
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and all(map(_fits, found.values())):
        return found
    problem = f"must be JSON: by databases, lists of roles by {', '.join(RIGHTS)}; the contracts are read at each start"
    return env.refuse(FILE, problem, instead={})


def _fits(found: object) -> bool:
    """Return whether a value has the form of :data:`Parts`."""
    if not isinstance(found, dict) or not found.keys() <= RIGHTS.keys():
        return False
    return all(isinstance(roles, list) and all(isinstance(role, str) for role in roles) for roles in found.values())


def wanted(parts: Parts) -> set[Right]:
    """Return the rights that roles need for their parts."""
    found = set[Right]()
    for part, roles in parts.items():
        for role in roles:
            found |= {Right(role, "USAGE"), *(Right(role, *right) for right in RIGHTS[part])}
    return found


def differences(connection: Connection[Any], parts: Parts) -> list[str]:
    """Return the changes that :func:`follow` would make, a line for each role.

    Args:
        connection: the database.
        parts: the roles of each part.
    """
    there, due = store.held(connection), wanted(parts)
    changes = {"gets": due - there, "loses": there - due}
    return [
        f"rights of {role}: {'; '.join(_told(role, changes))}" for role in sorted({right.role for right in there ^ due})
    ]


def _told(role: str, changes: Mapping[str, set[Right]]) -> Iterator[str]:
    for verb, rights in changes.items():
        if mine := ", ".join(str(right) for right in sorted(rights) if right.role == role):
            yield f"{verb} {mine}"


def follow(connection: Connection[Any], parts: Parts) -> list[str]:
    """Give every role exactly the rights that its parts need, in one transaction.

    Args:
        connection: a connection of the schema's owner, without an open transaction.
        parts: the roles of each part.

    Returns:
        The changes, a line for each role.

    Raises:
        ValueError: PostgreSQL does not have one of the roles.
    """
    due = wanted(parts)
    with connection.transaction():
        store.alone(connection)
        if missing := store.missing_roles(connection, {right.role for right in due}):
            raise ValueError(
                f"there is no role {', '.join(missing)}, which a contract names in durable_tasks. {MADE_AT_START}"
            )
        changed = differences(connection, parts)
        for right in store.held(connection) - due:
            store.revoke(connection, right)
        # Revoking a right on a table revokes it on the table's columns too: so read the rights again.
        for right in due - store.held(connection):
            store.grant(connection, right)
    return changed
