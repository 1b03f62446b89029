"""Everything derived from the contracts: the secrets, their readers, and the files for backing services.

A derived file is handled like a secret whose content is not random: services find it in /run/secrets, too. So a changed
contract reaches a backing service in the same way as a changed password.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from contract import (
    durable,
    environment,
    flower,
    nginx,
    periodic,
    postgres,
    rabbitmq,
    readiness,
    redis,
    smoke,
    upkeep,
)
from contract.errors import ContractError
from contract.hosts import is_public
from contract.named import below, unique, unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from contract.files import Contract


@dataclass(frozen=True)
class Derived:
    """Everything derived from the contracts.

    Args:
        declared: secret -> its origin (``schema.SECRETS``).
        contents: derived file -> its content; :func:`contract.environment.fill` fills in the secrets.
        consumers: service -> name in /run/secrets -> secret or derived file.
        hosts: the host names of the applications.
        public_hosts: host name on servers -> the contract's file.
        checks: the checks after a start or a deploy (:func:`contract.smoke.checks`).
        upkeep: contract's file -> its volumes to back up, and its metrics (:func:`contract.upkeep.upkeep`).
    """

    declared: Mapping[str, Mapping[str, Any]]
    contents: Mapping[str, str]
    consumers: Mapping[str, Mapping[str, str]]
    hosts: Sequence[str] = ()
    public_hosts: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()
    upkeep: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def derive(contracts: Sequence[Contract], *, on_servers: bool = False) -> Derived:
    """Return everything derived from the contracts.

    Args:
        contracts: the contracts of the house and of the applications.
        on_servers: whether the files are for servers, where an application may have another address than on a laptop.

    Raises:
        ContractError: two contracts declare the same name, or a service reads a secret that no contract declares.
    """
    logins: dict[str, Iterable[str]] = {
        "postgres": postgres.roles(contracts),
        "rabbitmq": rabbitmq.users(contracts),
        **{service: redis.users(contracts, server) for server, service in redis.SERVERS.items()},
    }
    passwords = {
        service: {name: environment.password(service, name) for name in names} for service, names in logins.items()
    }
    own = unique(below(contracts, "secrets"))
    declared = {**{secret: {} for each in passwords.values() for secret in each.values()}, **own}
    files: dict[str, dict[str, str]] = {
        "console": {"readiness.json": readiness.document(contracts)},
        "nginx": nginx.files(contracts, on_servers=on_servers),
        "postgres": postgres.files(contracts),
        "rabbitmq": {"users.json": rabbitmq.definitions(contracts)},
        **{service: {"users.acl": redis.acl(contracts, server)} for server, service in redis.SERVERS.items()},
        **_scripts(contracts, declared),
    }
    files = _merged(files, durable.files(contracts), flower.files(contracts))
    names = {service: {file: f"{service}.{file}" for file in texts} for service, texts in files.items()}
    hosts = {host: each.file for each in contracts for host in each.get("http", "hosts")}
    return Derived(
        declared,
        contents={names[service][file]: text for service, texts in files.items() for file, text in texts.items()},
        consumers=_merged(_secrets(contracts, declared), passwords, names),
        hosts=sorted(hosts),
        public_hosts={host: file for host, file in sorted(hosts.items()) if is_public(host)},
        checks=smoke.checks(contracts, on_servers=on_servers),
        upkeep=upkeep.upkeep(contracts),
    )


def _merged(*parts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return service -> the entries of all parts."""
    found: dict[str, dict[str, str]] = {}
    for part in parts:
        for service, entries in part.items():
            found.setdefault(service, {}).update(entries)
    return found


def _secrets(contracts: Sequence[Contract], declared: Collection[str]) -> dict[str, Mapping[str, str]]:
    """Return service -> its ``x-secrets``.

    Raises:
        ContractError: two contracts have them for the same service, or no contract declares one of the secrets.
    """
    given = [(each.file, service, files) for each in contracts for service, files in each.secrets.items()]
    for file, service, files in given:
        for secret in files.values():
            if secret not in declared:
                raise ContractError(f"{file}: services.{service}.x-secrets: {unknown('secret', secret, declared)}")
    return unique(given)


def _scripts(contracts: Sequence[Contract], declared: Collection[str]) -> dict[str, dict[str, str]]:
    """Return service -> the scripts derived from its ``x-environment`` and ``x-every``.

    Raises:
        ContractError: two contracts have them for the same service, or a placeholder or a timetable is invalid.
    """

    def made(contract: Contract, service: str) -> dict[str, str]:
        variables, every = contract.environment.get(service, {}), contract.every.get(service)
        scripts = {environment.SCRIPT: environment.script(variables, contract, declared, service)}
        if every:
            where = f"{contract.file}: services.{service}.x-every"
            scripts[periodic.SCRIPT] = periodic.script(every, service, where)
        return scripts

    return unique(
        (each.file, service, made(each, service))
        for each in contracts
        for service in {**each.environment, **each.every}
    )
