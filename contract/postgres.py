"""The roles, schemas and databases that PostgreSQL's ``set-passwords`` makes, as lines of CSV with a heading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.errors import ContractError
from contract.named import below, once, unknown

#: The shared database, as it is called unless POSTGRES_DB says otherwise.
SHARED = "landfast"

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from contract.files import Contract


def roles(contracts: Sequence[Contract]) -> dict[str, Sequence[str]]:
    """Return each role that may log in -> the roles whose rights it has.

    Raises:
        ContractError: two contracts have the same role, or one is to have the rights of a role that there is not.
    """
    wanted: list[tuple[str, str, Sequence[str]]] = []
    for file, name, entry in below(contracts, "database", "schemas"):
        wanted += [(file, role, ()) for role in (entry.get("user", name), owner(name, entry)) if role]
    wanted += [(file, entry.get("owner", name), ()) for file, name, entry in below(contracts, "database", "databases")]
    further = [(file, name, entry.get("member_of", ())) for file, name, entry in below(contracts, "database", "roles")]
    found = once([*wanted, *further])
    for file, name, others in further:
        for other in others:
            if other not in found:
                raise ContractError(f"{file}: database.roles.{name}: member_of: {unknown('role', other, found)}")
    return found


def files(contracts: Sequence[Contract]) -> dict[str, str]:
    """Return name in /run/secrets -> content.

    Raises:
        ContractError: two contracts have the same role, schema or database, or one wants the rights of no role.
    """
    memberships = [(role, other) for role, others in roles(contracts).items() for other in others or ("",)]
    schemas = once(below(contracts, "database", "schemas"))
    databases = once(below(contracts, "database", "databases"))
    if SHARED in databases:
        raise ContractError(f"database.databases: {SHARED} is the shared one's name; choose another")
    return {
        "roles.csv": csv(("role", "member_of"), memberships),
        "schemas.csv": csv(
            ("schema", "owner", "user"),
            [(name, owner(name, entry), entry.get("user", name)) for name, entry in schemas.items()],
        ),
        "databases.csv": csv(
            ("database", "owner", "extensions"),
            [
                (name, entry.get("owner", name), " ".join(entry.get("extensions", ())))
                for name, entry in databases.items()
            ],
        ),
    }


def owner(schema: str, entry: Mapping[str, Any]) -> str:
    """Return the role that owns a schema, by its name and what its contract says."""
    found: str = entry.get("owner", f"{schema}_owner")
    return found


def csv(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return lines; no name has a comma in it (``schema.NAME``)."""
    return "".join(f"{','.join(row)}\n" for row in (heading, *rows))
