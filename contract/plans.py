"""The parts of each contract for programs outside the services: commands, backups, monitoring.

``python3 -m contract.plans`` prints them as JSON, by the contract's file. ``./stack`` runs it in the image of
``secrets``, because it has no YAML parser of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract import smoke
from contract.derived import derive
from contract.errors import ContractError
from contract.files import check_syntax, read
from contract.named import below

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract


def plans(contracts: Sequence[Contract]) -> dict[str, dict[str, Any]]:
    """Return file -> the plan of its contract.

    Raises:
        ContractError: a contract is invalid.
    """
    derived = derive(contracts)
    found = {}
    for each in contracts:
        others = [other for other in contracts if other != each]
        found[each.file] = {**_plan(each, others, set(derived.declared)), **derived.upkeep[each.file]}
    return found


def _plan(own: Contract, others: Sequence[Contract], declared: set[str]) -> dict[str, Any]:
    locations = below([own], "http", "locations")
    return {
        "services": [each for each in own.services if all(each not in other.services for other in others)],
        "hosts": list(own.get("http", "hosts")),
        "locations": {
            path: entry["service"] for _, path, entry in locations if "service" in entry and not entry.get("static")
        },
        "uwsgi": _speaking_uwsgi(own),
        "smoke": smoke.checks([own]),
        "databases": list(own.get("database", "databases")),
        "schemas": list(own.get("database", "schemas")),
        "vhosts": list(own.get("broker", "vhosts")),
        "users": list(own.get("broker", "users")),
        "networks": list(own.networks),
        "secrets": sorted(declared - _declared_without(others, declared)),
    }


def _speaking_uwsgi(own: Contract) -> list[str]:
    """Return the places, ``NAME:PORT``, to which Nginx speaks the uwsgi protocol."""
    entries = [*below([own], "http", "locations"), *below([own], "readiness")]
    return sorted({entry["service"] for *_, entry in entries if entry.get("protocol") == "uwsgi"})


def _declared_without(others: Sequence[Contract], declared: set[str]) -> set[str]:
    """Return the secrets of the other applications; all secrets if their contracts are invalid without this one."""
    try:
        return set(derive(others).declared)
    except ContractError:
        return declared


def main(root: Path = Path("/stack")) -> int:
    """Print the plans and return the exit status.

    Args:
        root: the folder of compose.yaml.
    """
    try:
        check_syntax(root)
        print(json.dumps(plans(read(root)), indent=2))
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
