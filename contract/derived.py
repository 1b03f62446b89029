"""Everything derived from the contracts: the secrets, their readers, and the files for backing services.

A derived file is handled like a secret whose content is not random: services find it in /run/secrets, too. So a changed
contract reaches a backing service in the same way as a changed password.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from contract import (
    apache,
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
from contract.files import HOUSE
from contract.hosts import is_public
from contract.named import below, unique, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contract.files import Contract

#: Secrets of the house that every application may read: the mail server's password, and a certificate, which is public.
FOR_ALL = ("smtp_password", "ca_certificate")


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
        ContractError: two contracts declare the same name, or a service reads a secret that it may not read.
    """
    _check_apart(contracts)
    logins: dict[str, Mapping[str, Any]] = {
        "postgres": postgres.roles(contracts),
        "rabbitmq": rabbitmq.users(contracts),
        **{service: redis.users(contracts, server) for server, service in redis.SERVERS.items()},
    }
    passwords = {
        service: {name: environment.password(service, name) for name in names} for service, names in logins.items()
    }
    own = unique(below(contracts, "secrets"))
    declared = {**{secret: {} for each in passwords.values() for secret in each.values()}, **own}
    owners = _owners(contracts)
    files: dict[str, dict[str, str]] = {
        "console": {"readiness.json": readiness.document(contracts)},
        "nginx": nginx.files(contracts, on_servers=on_servers),
        "postgres": postgres.files(contracts),
        "rabbitmq": {"users.json": rabbitmq.definitions(contracts)},
        **{service: {"users.acl": redis.acl(contracts, server)} for server, service in redis.SERVERS.items()},
        **_scripts(contracts, owners),
    }
    files = _merged(files, durable.files(contracts), flower.files(contracts))
    if not on_servers:  # compose.apache.yaml is for laptops
        files["nginx"]["apache.conf"] = apache.configuration(contracts)
    names = {service: {file: f"{service}.{file}" for file in texts} for service, texts in files.items()}
    hosts = {host: each.file for each in contracts for host in each.get("http", "hosts")}
    return Derived(
        declared,
        contents={names[service][file]: text for service, texts in files.items() for file, text in texts.items()},
        consumers=_merged(_secrets(contracts, owners), passwords, names),
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


def _check_apart(contracts: Sequence[Contract]) -> None:
    """Make sure that no two applications declare the same service, network or volume: Compose would merge the two.

    Raises:
        ContractError: two do.
    """
    for section in ("services", "networks", "volumes"):
        shared = {name for each in contracts if each.file == HOUSE for name in getattr(each, section)}
        applications = [each for each in contracts if each.file != HOUSE]
        names = ((each.file, name) for each in applications for name in getattr(each, section) if name not in shared)
        unique((file, f"{section}.{name}", name) for file, name in names)


def _owners(contracts: Sequence[Contract]) -> dict[str, str]:
    """Return secret -> the file of the contract that declares it, or the user whose password it is.

    Raises:
        ContractError: a contract declares the password of another application's user.
    """
    found: dict[str, str] = {}
    for each in contracts:
        users = [("postgres", role) for role, _ in postgres.own_roles(each)]
        users += [("rabbitmq", user) for user in each.get("broker", "users")]
        users += [("redis", user) for user in each.get("redis", "users")]
        found |= {environment.password(service, user): each.file for service, user in users}
    for file, secret, _ in below(contracts, "secrets"):
        if found.setdefault(secret, file) != file:
            raise ContractError(f"{file}: secrets.{secret} is the password of a user of {found[secret]}")
    return found


def _readable(contract: Contract, contracts: Sequence[Contract], owners: Mapping[str, str]) -> set[str]:
    """Return the secrets that the services of a contract may read.

    They are its own, those in other applications' ``secrets``, and those of the house that are for all. Passwords of
    other applications' users are not: with these, it would be that application.

    Args:
        contract: the contract.
        contracts: the contracts of the house and of all applications.
        owners: secret -> the file of its contract.
    """
    if contract.file == HOUSE:
        return set(owners)
    given = {secret for file, secret, _ in below(contracts, "secrets") if file != HOUSE}
    return {*given, *FOR_ALL, *(secret for secret, file in owners.items() if file == contract.file)}


def _secrets(contracts: Sequence[Contract], owners: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    """Return service -> its ``x-secrets``.

    Raises:
        ContractError: two contracts have them for the same service, or a service may not read one of the secrets.
    """
    given = [(each, service, files) for each in contracts for service, files in each.secrets.items()]
    for each, service, files in given:
        readable = _readable(each, contracts, owners)
        for secret in files.values():
            where = f"{each.file}: services.{service}.x-secrets"
            if secret not in owners:
                raise ContractError(f"{where}: {unknown('secret', secret, readable)}")
            if secret not in readable:
                raise ContractError(
                    f"{where}: {secret} belongs to {owners[secret]} alone; declare a secret or a user of its own"
                )
    return unique((each.file, service, files) for each, service, files in given)


def _scripts(contracts: Sequence[Contract], owners: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return service -> the scripts derived from its ``x-environment`` and ``x-every``.

    Raises:
        ContractError: two contracts have them for the same service, or a placeholder or a timetable is invalid.
    """

    def made(contract: Contract, service: str) -> dict[str, str]:
        variables, every = contract.environment.get(service, {}), contract.every.get(service)
        readable = _readable(contract, contracts, owners)
        scripts = {environment.SCRIPT: environment.script(variables, contract, readable, service)}
        if every:
            where = f"{contract.file}: services.{service}.x-every"
            scripts[periodic.SCRIPT] = periodic.script(every, service, where)
        return scripts

    return unique(
        (each.file, service, made(each, service))
        for each in contracts
        for service in {**each.environment, **each.every}
    )
