"""The roles, schemas and databases that PostgreSQL's ``set-passwords`` makes, as lines of CSV with a heading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.errors import ContractError
from contract.files import HOUSE
from contract.named import below, unique, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from contract.files import Contract

#: The default name of the shared database (POSTGRES_DB).
SHARED = "landfast"


def roles(contracts: Sequence[Contract]) -> dict[str, Sequence[str]]:
    """Return login role -> the roles whose rights it has.

    Raises:
        ContractError: two contracts have the same role, or a role is to have the rights of an unknown role or of
            one of the house.
    """
    declared = [(contract.file, role, others) for contract in contracts for role, others in own_roles(contract)]
    found = unique(declared)
    of_the_house = {role for file, role, _ in declared if file == HOUSE}
    for file, name, others in declared:
        where = f"{file}: database.roles.{name}.member_of"
        for other in others:
            if other not in found:
                raise ContractError(f"{where}: {unknown('role', other, found)}")
            if other in of_the_house and file != HOUSE:
                raise ContractError(
                    f"{where}: {other} is a role of the house, and has rights in all applications' tasks"
                )
    return found


def own_roles(contract: Contract) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each login role of a contract, with the roles whose rights it has."""
    for _, name, entry in below([contract], "database", "schemas"):
        yield from ((role, ()) for role in (entry.get("user", name), owner(name, entry)) if role)
    for _, name, entry in below([contract], "database", "databases"):
        yield entry.get("owner", name), ()
    for _, name, entry in below([contract], "database", "roles"):
        yield name, entry.get("member_of", ())


def files(contracts: Sequence[Contract]) -> dict[str, str]:
    """Return name in /run/secrets -> content.

    Raises:
        ContractError: as :func:`roles`; or two contracts have the same schema or database.
    """
    memberships = [(role, other) for role, others in roles(contracts).items() for other in others or ("",)]
    schemas = unique(below(contracts, "database", "schemas"))
    databases = unique(below(contracts, "database", "databases"))
    for file, name, _ in below(contracts, "database", "databases"):
        if name == SHARED:
            raise ContractError(f"{file}: database.databases: {name} is the shared database's name; choose another")
    return {
        "roles.csv": csv(("role", "member_of"), memberships),
        "schemas.csv": csv(
            ("schema", "owner", "user"),
            ((name, owner(name, entry), entry.get("user", name)) for name, entry in schemas.items()),
        ),
        "databases.csv": csv(
            ("database", "owner", "extensions"),
            ((name, each.get("owner", name), " ".join(each.get("extensions", ()))) for name, each in databases.items()),
        ),
    }


def owner(schema: str, entry: Mapping[str, Any]) -> str:
    """Return the role that owns a schema.

    Args:
        schema: the schema's name.
        entry: its entry in the contract.
    """
    return str(entry.get("owner", f"{schema}_owner"))


def csv(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return lines of CSV; no name contains a comma (``schema.NAME``)."""
    return "".join(f"{','.join(row)}\n" for row in (heading, *rows))
