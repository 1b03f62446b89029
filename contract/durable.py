"""Durable tasks: the roles with a part in them, their databases, and the vhosts in which they are published."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contract import postgres
from contract.errors import ContractError
from contract.files import HOUSE
from contract.named import as_json, below, unique, unknown
from contract.schema import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from contract.files import Contract

#: The services that read the derived files, and the schema's name.
MIGRATIONS, RELAY, CONSOLE, SCHEMA = "migrate-outbox", "relay", "console", "outbox"
#: The key of the shared database, which is the default of a contract.
SHARED = ""
#: Parts that the house's roles have in all databases; the roles of an application have theirs in one.
EVERYWHERE = ("operators", "relays")
#: Parts whose roles write tasks.
WRITING = ("writers", "workers")


#: What a role may do with the tasks of a queue, and the name for all queues; ``libs/outbox`` has the same.
RUN, WRITE, ALL = "run", "write", "*"


@dataclass(frozen=True)
class Outbox:
    """A database with durable tasks.

    Args:
        vhost: the vhost in which they are published; empty for that of the house.
        parts: part -> the roles with this part.
        queues: role -> ``run`` or ``write`` -> the queues whose tasks it may run or write.
    """

    vhost: str = ""
    parts: Mapping[str, set[str]] = field(default_factory=lambda: {part: set() for part in PARTS})
    queues: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    def permit(self, role: str, verb: str, queues: Iterable[str]) -> None:
        """Let a role run or write tasks of queues."""
        self.queues.setdefault(role, {}).setdefault(verb, set()).update(queues)

    @property
    def roles(self) -> list[str]:
        """All roles with a part."""
        return sorted(set().union(*self.parts.values()))


def outboxes(contracts: Sequence[Contract]) -> dict[str, Outbox]:
    """Return the databases with durable tasks, by name; :data:`SHARED` is the first.

    Raises:
        ContractError: a role, a database or a vhost is unknown, or a role cannot connect to the database.
    """
    known = postgres.roles(contracts)
    found = {SHARED: Outbox(), **_own(contracts)}
    queues, sends = _queues(contracts)
    elsewhere = {entry.get("owner", name) for _, name, entry in below(contracts, "database", "databases")}
    for contract in contracts:
        database = contract.get("durable_tasks").get("database", SHARED)
        for part in PARTS:
            for role in contract.get("durable_tasks", part):
                where = f"{contract.file}: durable_tasks.{part}"
                if role not in known:
                    raise ContractError(f"{where}: {unknown('role', role, known)}")
                if part == "relays" and contract.file != HOUSE:
                    raise ContractError(f"{where}: only the house publishes tasks; writers and workers may write some")
                if database == SHARED and role in elsewhere:
                    raise ContractError(
                        f"{where}: {role} has a database of its own; name it in durable_tasks.database, or name a role "
                        "of database.schemas or database.roles, which can connect to the shared database"
                    )
                everywhere = contract.file == HOUSE and part in EVERYWHERE
                for each in found if everywhere else [database]:
                    found[each].parts[part].add(role)
                    alone = everywhere or each != SHARED
                    # Row-level security knows a role by its name, so the roles that have its rights are named too.
                    for member in _with_rights_of(role, known):
                        found[each].permit(member, RUN, [ALL] if alone else queues[contract.file])
                        if part in WRITING:
                            found[each].permit(
                                member, WRITE, [ALL] if alone else [*queues[contract.file], *sends[contract.file]]
                            )
    return found


def _with_rights_of(role: str, known: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a role, and the roles that are its members, directly or not."""
    found = [role]
    for each in found:  # grows meanwhile
        found += [other for other, others in known.items() if each in others and other not in found]
    return found


def _queues(contracts: Sequence[Contract]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the queues of each contract in the shared database, and those of others for which it writes tasks.

    Raises:
        ContractError: two contracts have the same queue, or the tasks are in a database of the application alone.
    """
    queues, sends = {}, {}
    for contract in contracts:
        tasks = contract.get("durable_tasks")
        for key in ("queues", "sends"):
            if key in tasks and "database" in tasks:
                raise ContractError(
                    f"{contract.file}: durable_tasks.{key} is for the shared database; in a database of its own, an "
                    "application has all queues"
                )
        queues[contract.file] = list(tasks.get("queues", [] if "database" in tasks else tasks.get("workers", [])))
        sends[contract.file] = list(tasks.get("sends", []))
    unique((file, queue, file) for file, each in queues.items() for queue in dict.fromkeys(each))
    return queues, sends  # one of the others may be removed: its tasks wait then


def shared_vhosts(contracts: Sequence[Contract]) -> dict[str, list[str]]:
    """Return the vhosts of applications for tasks in the shared database -> their queues.

    Raises:
        ContractError: the contract does not declare the vhost, or has several; or as :func:`_queues`.
    """
    queues, _ = _queues(contracts)
    return {
        vhost: queues[contract.file]
        for contract in contracts
        if "database" not in contract.get("durable_tasks")
        and (queues[contract.file] or "vhost" in contract.get("durable_tasks"))
        and (vhost := _vhost(contract))
    }


def _vhost(contract: Contract) -> str:
    """Return the vhost of a contract's durable tasks; an empty string if it has none of its own.

    Raises:
        ContractError: the contract does not declare the vhost, or has several.
    """
    tasks, vhosts = contract.get("durable_tasks"), list(contract.get("broker", "vhosts"))
    where = f"{contract.file}: durable_tasks.vhost"
    vhost = str(tasks.get("vhost") or (vhosts[0] if len(vhosts) == 1 else ""))
    if not vhost and vhosts:
        raise ContractError(f"{where} is missing: broker.vhosts of this contract has {len(vhosts)}")
    if vhost and vhost not in vhosts:
        raise ContractError(f"{where}: {unknown('vhost', vhost, vhosts, 'this contract has no')}")
    return vhost


def _own(contracts: Sequence[Contract]) -> dict[str, Outbox]:
    """Return the outboxes in databases of single applications, without their roles.

    Raises:
        ContractError: the contract does not declare the database or the vhost.
    """
    found = []
    for contract in contracts:
        tasks, where = contract.get("durable_tasks"), f"{contract.file}: durable_tasks"
        if "database" not in tasks:
            continue
        database, databases = tasks["database"], contract.get("database", "databases")
        if database not in databases:
            raise ContractError(f"{where}.database: {unknown('database', database, databases, 'this contract has no')}")
        vhost = _vhost(contract)
        if not vhost:
            raise ContractError(f"{where}.vhost is missing: broker.vhosts of this contract has 0")
        found.append((contract.file, database, Outbox(vhost)))
    return unique(found)


def files(contracts: Sequence[Contract]) -> dict[str, dict[str, str]]:
    """Return service -> name in /run/secrets -> content.

    Raises:
        ContractError: as :func:`outboxes`.
    """
    found = outboxes(contracts)
    own = {name: each for name, each in found.items() if name != SHARED}
    roles = {
        name: {
            "parts": {part: sorted(named) for part, named in each.parts.items()},
            "queues": {
                role: {verb: sorted(queues) for verb, queues in verbs.items()}
                for role, verbs in sorted(each.queues.items())
            },
        }
        for name, each in found.items()
    }
    owner = postgres.owner(SCHEMA, unique(below(contracts, "database", "schemas")).get(SCHEMA, {}))
    databases = {"databases.json": as_json({name: each.vhost for name, each in own.items()})}
    elsewhere = {queue: vhost for vhost, queues in shared_vhosts(contracts).items() for queue in queues}
    rows = [(name, owner, " ".join(each.roles)) for name, each in own.items()]
    return {
        MIGRATIONS: {"durable_tasks.json": as_json(roles)},
        RELAY: {**databases, "queues.json": as_json(elsewhere)},
        CONSOLE: databases,
        "postgres": {"outboxes.csv": postgres.csv(("database", "owner", "roles"), rows)},
    }
