#!/usr/bin/env python3
"""Count the lines that follow from each application's contract: ``python tests/bench/derivation.py``.

They are what somebody would write and keep by hand otherwise: Nginx's locations, roles, users, permissions, scripts
with variables. Where another contract leans on one, as the demo's workers do, the lines of both count. It needs PyYAML,
as the environment of ``./stack test`` has it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml  # type: ignore[import-untyped] # it has no types of its own

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from contract.derived import derive  # noqa: E402 - importable once the path is set
from contract.errors import ContractError  # noqa: E402
from contract.files import HOUSE, parse, read  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract

#: Somebody's application, beside the demo's.
STUB = "tests/stub/compose.yaml"


def lines(contracts: Sequence[Contract]) -> tuple[int, int]:
    """Return the lines of all derived files, and how many times a service is given a secret."""
    derived = derive(contracts)
    given = sum(map(len, derived.consumers.values()))
    return sum(text.count("\n") for text in derived.contents.values()), given


def without(contracts: Sequence[Contract], one: Contract) -> tuple[int, int]:
    """Return the same without one of them and without what leans on it."""
    rest = [each for each in contracts if each is not one]
    while True:
        try:
            return lines(rest)
        except ContractError as error:
            # It has the name of the contract that wants something of the one that is gone at its beginning.
            rest = [each for each in rest if not str(error).startswith(each.file)]


def main() -> None:
    """Print a table."""
    contracts = [*read(ROOT), parse(STUB, yaml.safe_load((ROOT / STUB).read_bytes()))]
    files, given = lines(contracts)
    print("| contract | its own lines | derived lines | secrets handed out |\n| --- | --- | --- | --- |")
    for contract in contracts:
        if contract.file != HOUSE:
            fewer_files, fewer_given = without(contracts, contract)
            own = (ROOT / contract.file).read_text(encoding="utf-8").count("\n")
            print(f"| {contract.file} | {own} | {files - fewer_files} | {given - fewer_given} |")
    print(f"| all, the house included | | {files} | {given} |")


if __name__ == "__main__":
    main()
