"""Readiness of applications: what the console asks, and what Nginx asks for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from contract.errors import ContractError
from contract.named import below, once, unknown
from contract.rabbitmq import SHARED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contract.files import Contract

#: What the console reports of the house, besides outbox-NAME for each other database with durable tasks.
#: (console/console/readiness.py)
HOUSE = ("postgres", "redis", "redis-cache", "rabbitmq", "relay", "outbox")

_PAGE = {"service", "protocol", "path"}
_QUEUE = {"queue", "vhost"}


def asked(contracts: Sequence[Contract]) -> dict[str, Mapping[str, Any]]:
    """Return name in the report -> what is asked.

    Raises:
        ContractError: a name is there twice, an entry is neither a page nor a queue, or names what is not there.
    """
    vhosts = {SHARED, *once(below(contracts, "broker", "vhosts"))}
    services = {contract.file: contract.services for contract in contracts}
    entries = list(below(contracts, "readiness"))
    for file, name, entry in entries:
        where = f"{file}: readiness.{name}"
        if name in HOUSE or name.startswith("outbox-"):
            raise ContractError(f"{where}: the house reports under this name; choose another")
        if not ({"service"} <= entry.keys() <= _PAGE or {"queue"} <= entry.keys() <= _QUEUE):
            raise ContractError(f"{where} must have a service (with protocol and path) or a queue (with its vhost)")
        if "service" in entry and entry["service"].partition(":")[0] not in services[file]:
            raise ContractError(f"{where}: service: {entry['service'].partition(':')[0]} is no service of this file")
        if entry.get("vhost", SHARED) not in vhosts:
            raise ContractError(f"{where}: vhost: {unknown('vhost', entry['vhost'], vhosts)}")
    return once(entries)


def document(contracts: Sequence[Contract]) -> str:
    """Return what the console reads.

    Raises:
        ContractError: as :func:`asked`.
    """
    found = {
        name: {"queue": entry["queue"], "vhost": entry.get("vhost", SHARED)} if "queue" in entry else {}
        for name, entry in asked(contracts).items()
    }
    return json.dumps(found, indent=2) + "\n"
