"""Who does what with durable tasks: the roles that the outbox's migrations grant rights to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from contract import postgres
from contract.errors import ContractError
from contract.named import below, unknown
from contract.schema import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract

#: The one-shot that reads the file.
READER = "migrate-outbox"


def files(contracts: Sequence[Contract]) -> dict[str, str]:
    """Return name in /run/secrets -> content: JSON with the roles of each part.

    Raises:
        ContractError: a role is none of any contract's, or cannot enter the shared database, which has the tasks.
    """
    there = postgres.roles(contracts)
    elsewhere = {entry.get("owner", name) for _, name, entry in below(contracts, "database", "databases")}
    parts: dict[str, set[str]] = {part: set() for part in PARTS}
    for contract in contracts:
        for part, roles in (contract.needs.get("durable_tasks") or {}).items():
            for role in roles:
                where = f"{contract.file}: durable_tasks.{part}"
                if role not in there:
                    raise ContractError(f"{where}: {unknown('role', role, there)}")
                if role in elsewhere:
                    raise ContractError(
                        f"{where}: {role} has a database of its own, and durable tasks are in the shared one; "
                        "name a role of database.schemas or database.roles"
                    )
                parts[part].add(role)
    return {"durable_tasks.json": json.dumps({part: sorted(roles) for part, roles in parts.items()}, indent=2) + "\n"}
