"""Readiness of applications: the checks of the console, some of them through Nginx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.errors import ContractError
from contract.named import as_json, below, unique, unknown
from contract.rabbitmq import SHARED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contract.files import Contract

#: The names of the house's entries in the console's report, which also has outbox-NAME for each other database with
#: durable tasks. (console/console/readiness.py)
HOUSE = ("postgres", "redis", "redis-cache", "rabbitmq", "relay", "outbox")

_PAGE = {"service", "protocol", "path"}
_QUEUE = {"queue", "vhost"}


def entries(contracts: Sequence[Contract]) -> dict[str, Mapping[str, Any]]:
    """Return name in the report -> entry of a contract.

    Raises:
        ContractError: two entries have one name, one is neither a page nor a queue, or a service or vhost is unknown.
    """
    vhosts = {SHARED, *unique(below(contracts, "broker", "vhosts"))}
    for contract in contracts:
        for file, name, entry in below([contract], "readiness"):
            where = f"{file}: readiness.{name}"
            if name in HOUSE or name.startswith("outbox-"):
                raise ContractError(f"{where}: the house reports under this name; choose another")
            if not ({"service"} <= entry.keys() <= _PAGE or {"queue"} <= entry.keys() <= _QUEUE):
                raise ContractError(f"{where} must have a service (with protocol and path) or a queue (with its vhost)")
            if "service" in entry:
                contract.check_service(entry["service"], where)
            if entry.get("vhost", SHARED) not in vhosts:
                raise ContractError(f"{where}.vhost: {unknown('vhost', entry['vhost'], vhosts)}")
    return unique(below(contracts, "readiness"))


def document(contracts: Sequence[Contract]) -> str:
    """Return the console's file.

    Raises:
        ContractError: as :func:`entries`.
    """
    return as_json(
        {
            name: {"queue": entry["queue"], "vhost": entry.get("vhost", SHARED)} if "queue" in entry else {}
            for name, entry in entries(contracts).items()
        }
    )
