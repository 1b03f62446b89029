"""Smoke checks: the pages that are requested after a start or a deploy, and the expected answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.hosts import own_host
from contract.named import below

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract

#: The expected status, unless a contract has another.
OK = 200


def checks(contracts: Sequence[Contract], *, on_servers: bool = False) -> list[dict[str, Any]]:
    """Return host, path, status and contained text of each check; the host is empty for the stack's own address.

    Args:
        contracts: the contracts of the house and of the applications.
        on_servers: whether the checks are for servers, where an application may have another address than on a laptop.
    """
    found = []
    for contract in contracts:
        host = own_host(contract.get("http", "hosts"), on_servers=on_servers)
        for _, path, entry in below([contract], "http", "smoke"):
            found.append({"host": host, "path": path, "status": OK, "contains": "", **entry})
    return found
