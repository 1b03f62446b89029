"""The parts of a contract for operators' tools: volumes to back up, and pages with metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.errors import ContractError
from contract.named import below, once, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract


def upkeep(contracts: Sequence[Contract]) -> dict[str, dict[str, Any]]:
    """Return file -> ``volumes``, which are backed up, and ``metrics``: name -> ``service`` and ``path``.

    Raises:
        ContractError: one is left out, or asked, that is none of the file's, or a name of metrics is there twice.
    """
    once(below(contracts, "metrics"))
    return {each.file: {"volumes": _volumes(each), "metrics": _metrics(each)} for each in contracts}


def _volumes(contract: Contract) -> list[str]:
    without = (contract.needs.get("backup") or {}).get("without") or ()
    for name in without:
        if name not in contract.volumes:
            said = unknown("volume", name, contract.volumes, "this file has no")
            raise ContractError(f"{contract.file}: backup.without: {said}")
    return [name for name in contract.volumes if name not in without]


def _metrics(contract: Contract) -> dict[str, dict[str, str]]:
    found = {}
    for file, name, says in below([contract], "metrics"):
        service = str(says.get("service", "")).partition(":")[0]
        if service not in contract.services:
            raise ContractError(f"{file}: metrics.{name}: service: {service or 'none'} is no service of this file")
        found[name] = {"service": says["service"], "path": says.get("path", "/metrics")}
    return found
