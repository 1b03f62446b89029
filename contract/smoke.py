"""Smoke checks: what visitors ask for after a start or a deploy, and the answers that are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract

#: The status that is right where a contract says nothing else.
OK = 200


def checks(contracts: Sequence[Contract]) -> list[dict[str, Any]]:
    """Return host, path, status and contained text of each check; the host is empty for the stack's own address."""
    found = []
    for contract in contracts:
        http = contract.needs.get("http") or {}
        host = next(iter(http.get("hosts") or ()), "")
        for path, says in (http.get("smoke") or {}).items():
            found.append({"host": host, "path": path, "status": OK, "contains": "", **(says or {})})
    return found
