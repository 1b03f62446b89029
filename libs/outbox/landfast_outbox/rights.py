"""Rights on durable tasks: each migration run derives them from the parts that contracts assign to roles.

The migrations read what contracts say of durable tasks (``x-landfast.durable_tasks``) from one JSON file, by database;
the shared database has an empty name there. ``parts`` has the roles of each part, and so their rights on the tables;
``queues`` has the queues whose tasks a role may ``run`` and ``write``, and so the rows::

    {"": {"parts": {"writers": ["web"], "relays": ["relay"]},
          "queues": {"web": {"run": ["web"], "write": ["web"]}, "relay": {"run": ["*"]}}}}
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from landfast_outbox.store import rights as store
from landfast_outbox.store.rights import Access, Right

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from landfast_runtime.env import Env
    from psycopg import Connection

#: Advice for a contract that names something that PostgreSQL does not have.
MADE_AT_START = (
    "PostgreSQL makes databases and roles when it starts: docker compose up --detach --force-recreate postgres"
)

#: The file's name in /run/secrets.
FILE = "durable_tasks.json"

#: The view, and the table with its rows.
_TASKS = ("task", "stored_task")

#: Columns that the end of a run changes. No more: the right to update a whole table is the right to lock it for all.
_CHANGED_BY_WORKERS = (
    "completed_at", "dead_at", "published_at", "due_at", "deaths", "retries", "publications", "headers", "body",
    "result", "error",
)  # fmt: skip

#: Columns that a re-drive, or a task that is given up, changes.
_CHANGED_BY_OPERATORS = (
    "dead_at", "published_at", "due_at", "deaths", "retries", "publications", "headers", "body", "error",
)  # fmt: skip


def _on_tasks(*privileges: str, changed: Sequence[str] = ()) -> tuple[tuple[str, ...], ...]:
    """Return privileges on the view and on the table, and the right to change some columns."""
    return tuple(
        right
        for table in _TASKS
        for right in (
            *((privilege, table) for privilege in privileges),
            *(("UPDATE", table, column) for column in changed),
        )
    )


#: Part -> its rights: privilege, table, and column unless all columns.
RIGHTS: Mapping[str, Sequence[tuple[str, ...]]] = MappingProxyType(
    {
        "writers": _on_tasks("SELECT", "INSERT"),
        "workers": (
            *_on_tasks("SELECT", "INSERT", changed=_CHANGED_BY_WORKERS),
            *((privilege, "setback") for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE")),
        ),
        "operators": (
            *_on_tasks("SELECT", changed=_CHANGED_BY_OPERATORS),
            ("SELECT", "setback"),
            ("DELETE", "setback"),
        ),
        "relays": (
            *_on_tasks("SELECT", "UPDATE", "DELETE"),
            ("SELECT", "setback"),
            ("DELETE", "setback"),
        ),
    }
)

#: What a role may do with the tasks of a queue.
VERBS = ("run", "write")


@dataclass(frozen=True)
class Roles:
    """The roles of one database.

    Args:
        parts: part in durable tasks -> its roles.
        queues: role -> ``run`` or ``write`` -> the queues whose tasks it may run or write; ``*`` stands for all.
    """

    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    queues: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


def roles_from_env(env: Env) -> Mapping[str, Roles]:
    """Read the roles, by database, from the derived file.

    Args:
        env: the environment, which has the file's path; a file of another form is refused by its name.
    """
    text = env.secret(FILE, minimum_length=1)
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and all(map(_fits, found.values())):
        return {database: Roles(**roles) for database, roles in found.items()}
    problem = (
        f"must be JSON: by databases, `parts` with lists of roles by {', '.join(RIGHTS)}, and `queues` with lists of "
        f"queues by role and {' or '.join(VERBS)}; the contracts are read at each start"
    )
    return env.refuse(FILE, problem, instead={})


def _fits(found: object) -> bool:
    """Return whether a value has the form of :class:`Roles`."""
    if not isinstance(found, dict) or not found.keys() <= {"parts", "queues"}:
        return False
    queues = found.get("queues", {})
    return (
        _has_lists(found.get("parts", {}), RIGHTS)
        and isinstance(queues, dict)
        and all(_has_lists(each, VERBS) for each in queues.values())
    )


def _has_lists(found: object, keys: Collection[str]) -> bool:
    """Return whether a value has lists of strings below some of the keys."""
    return (
        isinstance(found, dict)
        and found.keys() <= set(keys)
        and all(isinstance(each, list) and all(isinstance(item, str) for item in each) for each in found.values())
    )


def wanted(roles: Roles) -> set[Right | Access]:
    """Return the rights that roles need for their parts and queues."""
    found = set[Right | Access]()
    for part, named in roles.parts.items():
        for role in named:
            found |= {Right(role, "USAGE"), Right(role, "SELECT", "access")}
            found |= {Right(role, *right) for right in RIGHTS[part]}
    for role, verbs in roles.queues.items():
        found |= {Access(role, verb, queue) for verb, queues in verbs.items() for queue in queues}
    return found


def differences(connection: Connection[Any], roles: Roles) -> list[str]:
    """Return the changes that :func:`follow` would make, a line for each role.

    Args:
        connection: the database.
        roles: the roles, with their parts and queues.
    """
    there, due = store.held(connection), wanted(roles)
    changes = {"gets": due - there, "loses": there - due}
    return [
        f"rights of {role}: {'; '.join(_told(role, changes))}" for role in sorted({right.role for right in there ^ due})
    ]


def _told(role: str, changes: Mapping[str, set[Right | Access]]) -> Iterator[str]:
    for verb, rights in changes.items():
        if mine := ", ".join(str(right) for right in sorted(rights) if right.role == role):
            yield f"{verb} {mine}"


def follow(connection: Connection[Any], roles: Roles) -> list[str]:
    """Give every role exactly the rights that its parts and queues need, in one transaction.

    Args:
        connection: a connection of the schema's owner, without an open transaction.
        roles: the roles, with their parts and queues.

    Returns:
        The changes, a line for each role.

    Raises:
        ValueError: PostgreSQL does not have one of the roles.
    """
    due = wanted(roles)
    with connection.transaction():
        store.alone(connection)
        if missing := store.missing_roles(connection, {right.role for right in due}):
            raise ValueError(
                f"there is no role {', '.join(missing)}, which a contract names in durable_tasks. {MADE_AT_START}"
            )
        changed = differences(connection, roles)
        for right in store.held(connection) - due:
            store.revoke(connection, right)
        # Revoking a right on a table revokes it on the table's columns too: so read the rights again.
        for right in due - store.held(connection):
            store.grant(connection, right)
    return changed
