"""What follows from the contracts: which secrets there are, who reads them, and the files that backing services read.

A derived file is like a secret whose content is not random: services find it in /run/secrets too. So a changed contract
reaches a backing service on the way that a changed password takes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from contract import environment, nginx
from contract.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from contract.files import Contract

Entry = TypeVar("Entry")

#: The vhost of durable tasks, which all users share.
VHOST = "landfast"

#: The services of the house that read derived files.
NGINX, POSTGRES, RABBITMQ = "nginx", "postgres", "rabbitmq"


@dataclass(frozen=True)
class Role:
    """A role of PostgreSQL that may log in, and the roles whose rights it has."""

    name: str
    member_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """A schema, the role that owns it, and the one that uses it, if there is one."""

    name: str
    owner: str
    user: str


@dataclass(frozen=True)
class Database:
    """A database of an application's own."""

    name: str
    owner: str
    extensions: tuple[str, ...]


@dataclass(frozen=True)
class Derived:
    """All that follows.

    Args:
        declared: secret -> how it comes about.
        contents: derived file -> what is in it; secrets there are filled in by :func:`contract.environment.fill`.
        consumers: service -> name in /run/secrets -> secret or derived file.
        hosts: the host names that applications answer at.
    """

    declared: Mapping[str, Mapping[str, Any]]
    contents: Mapping[str, str]
    consumers: Mapping[str, Mapping[str, str]]
    hosts: Sequence[str] = ()


def derive(contracts: Sequence[Contract]) -> Derived:
    """Return what follows from the contracts.

    Raises:
        ContractError: two of them want the same thing, or a service reads a secret that nobody declares.
    """
    schemas, databases, roles = list(_schemas(contracts)), list(_databases(contracts)), list(_roles(contracts))
    vhosts = _named(contracts, "broker", "vhosts")
    users = _named(contracts, "broker", "users")
    contents = {
        "postgres_roles": roles_csv(roles),
        "postgres_schemas": schemas_csv(schemas),
        "postgres_databases": databases_csv(databases),
        "rabbitmq_users": json.dumps(users_json(users, vhosts), indent=2) + "\n",
        "nginx_locations": nginx.locations(contracts),
        "nginx_servers": nginx.servers(contracts),
        "nginx_programs": nginx.programs(contracts),
    }
    passwords = [f"postgres_{role.name}_password" for role in roles] + [f"rabbitmq_{name}_password" for name in users]
    own = _named(contracts, "secrets")
    declared = {**{name: {} for name in passwords}, **own}
    consumers = {service: dict(files) for contract in contracts for service, files in contract.secrets.items()}
    consumers[POSTGRES] = {role.name: f"postgres_{role.name}_password" for role in roles} | {
        "roles.csv": "postgres_roles",
        "schemas.csv": "postgres_schemas",
        "databases.csv": "postgres_databases",
    }
    consumers[RABBITMQ] = {name: f"rabbitmq_{name}_password" for name in users} | {"users.json": "rabbitmq_users"}
    consumers[NGINX] = consumers.get(NGINX, {}) | {
        "locations.conf": "nginx_locations",
        "servers.conf": "nginx_servers",
        "programs.conf": "nginx_programs",
    }
    for contract in contracts:
        for service, variables in contract.environment.items():
            where = f"{contract.file}: services.{service}.x-environment"
            name = f"environment_{service.replace('-', '_')}"
            contents[name] = environment.exports(variables, contract, declared, where)
            contents["with_environment"] = environment.SHIM
            files = {"environment": name, "with-environment": "with_environment"}
            consumers[service] = consumers.get(service, {}) | files
    _check_consumers(consumers, {**declared, **contents})
    hosts = {host for each in contracts for host in (each.needs.get("http") or {}).get("hosts") or ()}
    return Derived(declared, contents, consumers, sorted(hosts))


def roles_csv(roles: Iterable[Role]) -> str:
    """Return a line for each role, and for each of several roles that it is a member of."""
    rows = [f"{role.name},{other}" for role in roles for other in role.member_of or ("",)]
    return "\n".join(["role,member_of", *rows, ""])


def schemas_csv(schemas: Iterable[Schema]) -> str:
    """Return a line for each schema: its name, its owner and its user."""
    return "\n".join(["schema,owner,user", *(f"{each.name},{each.owner},{each.user}" for each in schemas), ""])


def databases_csv(databases: Iterable[Database]) -> str:
    """Return a line for each database: its name, its owner, and its extensions with blanks between them."""
    rows = [f"{each.name},{each.owner},{' '.join(each.extensions)}" for each in databases]
    return "\n".join(["database,owner,extensions", *rows, ""])


def users_json(
    users: Mapping[str, Mapping[str, Any]], vhosts: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Return vhosts, users and permissions in the form of RabbitMQ's definitions, without password hashes.

    Raises:
        ContractError: a user is of a vhost that there is not.
    """
    permissions = []
    for name, entry in users.items():
        vhost = entry.get("vhost", VHOST)
        if vhost not in {VHOST, *vhosts}:
            raise ContractError(f"broker.users.{name}: vhost: no contract has a vhost {vhost}")
        nothing_said = "^$" if vhost == VHOST else ".*"
        may = {what: entry.get(what, nothing_said) for what in ("configure", "write", "read")}
        permissions.append({"vhost": vhost, "user": name, **may})
    return {
        "vhosts": [
            # Below "metadata": RabbitMQ 4.0 passes over it elsewhere.
            {"name": name, "metadata": {"default_queue_type": entry.get("queue_type", "quorum")}}
            for name, entry in vhosts.items()
        ],
        "users": [{"name": name, "tags": list(entry.get("tags", []))} for name, entry in users.items()],
        "permissions": permissions,
    }


def _schemas(contracts: Sequence[Contract]) -> Iterator[Schema]:
    for name, entry in _named(contracts, "database", "schemas").items():
        yield Schema(name, entry.get("owner", f"{name}_owner"), entry.get("user", name))


def _databases(contracts: Sequence[Contract]) -> Iterator[Database]:
    for name, entry in _named(contracts, "database", "databases").items():
        yield Database(name, entry.get("owner", name), tuple(entry.get("extensions", ())))


def _roles(contracts: Sequence[Contract]) -> Iterator[Role]:
    of_schemas = [
        ("schemas", role, Role(role)) for each in _schemas(contracts) for role in (each.user, each.owner) if role
    ]
    of_databases = [("databases", each.owner, Role(each.owner)) for each in _databases(contracts)]
    further = [
        (contract.file, name, Role(name, tuple((entry or {}).get("member_of", ()))))
        for contract, name, entry in _of(contracts, "database", "roles")
    ]
    roles = _once([*of_schemas, *of_databases, *further])
    for role in roles.values():
        for name in role.member_of:
            if name not in roles:
                raise ContractError(f"database.roles.{role.name}: member_of: no contract has a role {name}")
        yield role


def _of(contracts: Sequence[Contract], *path: str) -> Iterator[tuple[Contract, str, Any]]:
    """Yield each entry below a path of keys, with its contract."""
    for contract in contracts:
        found: Any = contract.needs
        for key in path:
            found = (found or {}).get(key)
        for name, entry in (found or {}).items():
            yield contract, name, entry


def _named(contracts: Sequence[Contract], *path: str) -> dict[str, Mapping[str, Any]]:
    """Return name -> what contracts say of it below a path of keys.

    Raises:
        ContractError: two contracts have the same name.
    """
    return _once((contract.file, name, entry or {}) for contract, name, entry in _of(contracts, *path))


def _once(entries: Iterable[tuple[str, str, Entry]]) -> dict[str, Entry]:
    """Return name -> entry.

    Raises:
        ContractError: two contracts have the same name.
    """
    found: dict[str, Entry] = {}
    files: dict[str, str] = {}
    for file, name, entry in entries:
        if name in found:
            raise ContractError(f"{file}: {name} is in {files[name]} already; choose another name")
        found[name], files[name] = entry, file
    return found


def _check_consumers(consumers: Mapping[str, Mapping[str, str]], known: Mapping[str, object]) -> None:
    for service, files in consumers.items():
        for secret in files.values():
            if secret not in known:
                raise ContractError(f"services.{service}.x-secrets: no contract declares a secret {secret}")
