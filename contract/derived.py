"""All that follows from the contracts: the secrets, their readers, and the files that backing services read.

A derived file is like a secret whose content is not random: services find it in /run/secrets too. So a changed contract
reaches a backing service on the way that a changed password takes.
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
from contract.named import below, once, unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from contract.files import Contract


@dataclass(frozen=True)
class Derived:
    """All that follows.

    Args:
        declared: secret -> how it comes about.
        contents: derived file -> what is in it; secrets there are filled in by :func:`contract.environment.fill`.
        consumers: service -> name in /run/secrets -> secret or derived file.
        hosts: the host names that applications answer at.
        public_hosts: those that servers have -> the contract's file.
        checks: what is asked after a start or a deploy (:func:`contract.smoke.checks`).
        upkeep: contract's file -> what to back up of it, and where its metrics are (:func:`contract.upkeep.upkeep`).
    """

    declared: Mapping[str, Mapping[str, Any]]
    contents: Mapping[str, str]
    consumers: Mapping[str, Mapping[str, str]]
    hosts: Sequence[str] = ()
    public_hosts: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()
    upkeep: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def derive(contracts: Sequence[Contract], *, on_servers: bool = False) -> Derived:
    """Return what follows from the contracts.

    Args:
        contracts: those of the house and of the applications.
        on_servers: whether servers read it, and not a laptop: an application has another address there.

    Raises:
        ContractError: two of them want the same thing, or a service reads a secret that nobody declares.
    """
    roles, users = list(postgres.roles(contracts)), rabbitmq.users(contracts)
    passwords = {
        "postgres": {name: f"postgres_{name}_password" for name in roles},
        "rabbitmq": {name: f"rabbitmq_{name}_password" for name in users},
        **{
            service: {name: f"redis_{name}_password" for name in redis.users(contracts, server)}
            for server, service in redis.SERVERS.items()
        },
    }
    own = once(below(contracts, "secrets"))
    declared = {**{secret: {} for each in passwords.values() for secret in each.values()}, **own}
    files: dict[str, dict[str, str]] = {
        "console": {"readiness.json": readiness.document(contracts)},
        "nginx": nginx.files(contracts, on_servers=on_servers),
        "postgres": postgres.files(contracts),
        "rabbitmq": {"users.json": rabbitmq.definitions(contracts)},
        **{service: {"users.acl": redis.acl(contracts, server)} for server, service in redis.SERVERS.items()},
        **_scripts(contracts, declared),
    }
    for service, texts in [*durable.files(contracts).items(), *flower.files(contracts).items()]:
        files.setdefault(service, {}).update(texts)
    contents = {f"{service}.{file}": text for service, texts in files.items() for file, text in texts.items()}
    consumers: dict[str, dict[str, str]] = {}
    for service, given in [*_secrets(contracts, declared).items(), *passwords.items()]:
        consumers.setdefault(service, {}).update(given)
    for service, texts in files.items():
        consumers.setdefault(service, {}).update({file: f"{service}.{file}" for file in texts})
    hosts = {host: each.file for each in contracts for host in (each.needs.get("http") or {}).get("hosts") or ()}
    public = {host: file for host, file in sorted(hosts.items()) if is_public(host)}
    checks, tools = smoke.checks(contracts, on_servers=on_servers), upkeep.upkeep(contracts)
    return Derived(declared, contents, consumers, sorted(hosts), public, checks, tools)


def _secrets(contracts: Sequence[Contract], declared: Collection[str]) -> dict[str, Mapping[str, str]]:
    """Return service -> what ``x-secrets`` gives it.

    Raises:
        ContractError: two contracts say it of the same service, or nobody declares one of the secrets.
    """
    given = [(each.file, service, files) for each in contracts for service, files in each.secrets.items()]
    for file, service, files in given:
        for secret in files.values():
            if secret not in declared:
                raise ContractError(f"{file}: services.{service}.x-secrets: {unknown('secret', secret, declared)}")
    return once(given)


def _scripts(contracts: Sequence[Contract], declared: Collection[str]) -> dict[str, dict[str, str]]:
    """Return service -> the scripts that its ``x-environment`` and ``x-every`` make.

    Raises:
        ContractError: two contracts say it of one service, a placeholder stands for nothing, or a time never comes.
    """

    def made(contract: Contract, service: str) -> dict[str, str]:
        variables, every = contract.environment.get(service, {}), contract.every.get(service)
        scripts = {environment.SCRIPT: environment.script(variables, contract, declared, service)}
        if every:
            where = f"{contract.file}: services.{service}.x-every"
            scripts[periodic.SCRIPT] = periodic.script(every, service, where)
        return scripts

    return once(
        (each.file, service, made(each, service))
        for each in contracts
        for service in {**each.environment, **each.every}
    )
