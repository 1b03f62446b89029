"""The parts of each contract that programs beside the services read: commands, backups, monitoring.

``python3 -m contract.plans`` prints them as JSON, by the contract's file. ``./stack`` runs that in the image of
``secrets``, for contracts are YAML, which it cannot read by itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract import smoke
from contract.derived import derive
from contract.errors import ContractError
from contract.files import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contract.files import Contract


def plans(contracts: Sequence[Contract]) -> dict[str, dict[str, Any]]:
    """Return file -> the plan of its contract.

    Raises:
        ContractError: a contract cannot be followed.
    """
    derived = derive(contracts)
    found = {}
    for each in contracts:
        others = [other for other in contracts if other != each]
        found[each.file] = {**_plan(each, others, set(derived.declared)), **derived.upkeep[each.file]}
    return found


def _plan(own: Contract, others: Sequence[Contract], declared: set[str]) -> dict[str, Any]:
    http, database, broker = (own.needs.get(section) or {} for section in ("http", "database", "broker"))
    locations: Mapping[str, Mapping[str, Any]] = http.get("locations") or {}
    pages = {path: says for path, says in locations.items() if "service" in says and not says.get("static")}
    return {
        "services": [each for each in own.services if all(each not in other.services for other in others)],
        "hosts": list(http.get("hosts") or ()),
        "locations": {path: says["service"] for path, says in pages.items()},
        "smoke": smoke.checks([own]),
        "databases": list(database.get("databases") or ()),
        "schemas": list(database.get("schemas") or ()),
        "vhosts": list(broker.get("vhosts") or ()),
        "users": list(broker.get("users") or ()),
        "secrets": sorted(declared - _declared_without(others, declared)),
    }


def _declared_without(others: Sequence[Contract], declared: set[str]) -> set[str]:
    """Return the secrets that would be left without an application; all, where others cannot do without it."""
    try:
        return set(derive(others).declared)
    except ContractError:
        return declared


def main(root: Path = Path("/stack")) -> int:
    """Print the plans and return the exit status.

    Args:
        root: where compose.yaml is.
    """
    try:
        print(json.dumps(plans(read(root)), indent=2))
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
