"""Prints what follows from one application's contract, as JSON: ``python3 -c ... NAME``, in the image of ``secrets``.

Contracts are YAML, which ``./stack`` itself cannot read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from contract.derived import derive
from contract.errors import ContractError
from contract.files import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.derived import Derived
    from contract.files import Contract


def main(name: str, root: Path = Path("/stack")) -> int:
    """Print it and return the exit status.

    Args:
        name: the application's, that is its folder's below ``services/``.
        root: where compose.yaml is.
    """
    file = f"services/{name}/compose.yaml"
    try:
        contracts = read(root)
        derived = derive(contracts)
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1
    own = next(each for each in contracts if each.file == file)
    others = [each for each in contracts if each.file != file]
    needs = {section: own.needs.get(section) or {} for section in ("http", "database", "broker")}
    print(
        json.dumps(
            {
                "services": [each for each in own.services if all(each not in other.services for other in others)],
                "hosts": needs["http"].get("hosts") or [],
                "locations": {
                    path: says["service"]
                    for path, says in (needs["http"].get("locations") or {}).items()
                    if "service" in says and not says.get("static")  # no page is there
                },
                "databases": list(needs["database"].get("databases") or {}),
                "schemas": list(needs["database"].get("schemas") or {}),
                "vhosts": list(needs["broker"].get("vhosts") or {}),
                "users": list(needs["broker"].get("users") or {}),
                "secrets": sorted(set(derived.declared) - declared_without(others, derived)),
            }
        )
    )
    return 0


def declared_without(others: Sequence[Contract], derived: Derived) -> set[str]:
    """Return the secrets that would be left without an application; all, where others cannot do without it.

    Args:
        others: the contracts of the others.
        derived: what follows from all.
    """
    try:
        return set(derive(others).declared)
    except ContractError:
        return set(derived.declared)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
