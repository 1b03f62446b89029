"""Durable tasks: roles that have a part in them, databases that hold them, vhosts that they are published in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contract import postgres
from contract.errors import ContractError
from contract.files import HOUSE
from contract.named import below, once, unknown
from contract.schema import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contract.files import Contract

#: The services that read what follows, and the schema's name.
MIGRATIONS, RELAY, CONSOLE, SCHEMA = "migrate-outbox", "relay", "console", "outbox"
#: The shared database, by which a contract that names no database is meant.
SHARED = ""
#: Parts that roles of the house have in all databases; an application's have theirs in one.
EVERYWHERE = ("operators", "relays")


@dataclass(frozen=True)
class Outbox:
    """A database that has durable tasks.

    Args:
        vhost: where they are published; empty, if it is that of the house.
        parts: part -> the roles that have it.
    """

    vhost: str = ""
    parts: Mapping[str, set[str]] = field(default_factory=lambda: {part: set() for part in PARTS})

    @property
    def roles(self) -> list[str]:
        """All roles that have a part."""
        return sorted(set().union(*self.parts.values()))


def outboxes(contracts: Sequence[Contract]) -> dict[str, Outbox]:
    """Return each database that has durable tasks, by its name; :data:`SHARED` is the first.

    Raises:
        ContractError: a role, a database or a vhost is none of the contract's, or a role cannot enter the database.
    """
    there = postgres.roles(contracts)
    found = {SHARED: Outbox(), **_own(contracts)}
    elsewhere = {entry.get("owner", name) for _, name, entry in below(contracts, "database", "databases")}
    for contract in contracts:
        says = contract.needs.get("durable_tasks") or {}
        database = says.get("database", SHARED)
        for part in PARTS:
            for role in says.get(part, ()):
                where = f"{contract.file}: durable_tasks.{part}"
                if role not in there:
                    raise ContractError(f"{where}: {unknown('role', role, there)}")
                if database == SHARED and role in elsewhere:
                    raise ContractError(
                        f"{where}: {role} has a database of its own; say which by durable_tasks.database, or name a "
                        "role of database.schemas or database.roles, which enter the shared one"
                    )
                everywhere = contract.file == HOUSE and part in EVERYWHERE
                for each in found if everywhere else [database]:
                    found[each].parts[part].add(role)
    return found


def _own(contracts: Sequence[Contract]) -> dict[str, Outbox]:
    """Return the outboxes in databases of applications' own, without the roles.

    Raises:
        ContractError: the database or the vhost is none of the contract's.
    """
    found = []
    for contract in contracts:
        says = contract.needs.get("durable_tasks") or {}
        vhosts = list((contract.needs.get("broker") or {}).get("vhosts") or {})
        databases = (contract.needs.get("database") or {}).get("databases") or {}
        where = f"{contract.file}: durable_tasks"
        if "database" not in says:
            if "vhost" in says:
                raise ContractError(f"{where}.vhost: it goes with durable_tasks.database")
            continue
        database, vhost = says["database"], says.get("vhost") or (vhosts[0] if len(vhosts) == 1 else "")
        if database not in databases:
            raise ContractError(f"{where}.database: {unknown('database', database, databases, 'this contract has no')}")
        if not vhost:
            raise ContractError(f"{where}.vhost: say which, as broker.vhosts of this contract has {len(vhosts)}")
        if vhost not in vhosts:
            raise ContractError(f"{where}.vhost: {unknown('vhost', vhost, vhosts, 'this contract has no')}")
        found.append((contract.file, database, Outbox(vhost)))
    return once(found)


def files(contracts: Sequence[Contract]) -> dict[str, dict[str, str]]:
    """Return service -> name in /run/secrets -> content.

    Raises:
        ContractError: as :func:`outboxes`.
    """
    found = outboxes(contracts)
    own = {name: each for name, each in found.items() if name != SHARED}
    parts = {name: {part: sorted(roles) for part, roles in each.parts.items()} for name, each in found.items()}
    owner = postgres.owner(SCHEMA, once(below(contracts, "database", "schemas")).get(SCHEMA, {}))
    databases = {"databases.json": _json({name: each.vhost for name, each in own.items()})}
    rows = [(name, owner, " ".join(each.roles)) for name, each in own.items()]
    return {
        MIGRATIONS: {"durable_tasks.json": _json(parts)},
        RELAY: databases,
        CONSOLE: databases,
        "postgres": {"outboxes.csv": postgres.csv(("database", "owner", "roles"), rows)},
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
