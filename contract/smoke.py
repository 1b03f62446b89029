"""Smoke checks: what visitors ask for after a start or a deploy, and the answers that are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.hosts import own_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract

#: The status that is right where a contract says nothing else.
OK = 200


def checks(contracts: Sequence[Contract], *, on_servers: bool = False) -> list[dict[str, Any]]:
    """Return host, path, status and contained text of each check; the host is empty for the stack's own address.

    Args:
        contracts: those of the applications.
        on_servers: whether servers are asked, where an application has another address.
    """
    found = []
    for contract in contracts:
        http = contract.needs.get("http") or {}
        host = own_host(http.get("hosts") or (), on_servers=on_servers)
        for path, says in (http.get("smoke") or {}).items():
            found.append({"host": host, "path": path, "status": OK, "contains": "", **(says or {})})
    return found
