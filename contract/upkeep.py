"""The parts of a contract for operators' tools: volumes to back up, pages with metrics, addresses outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.errors import ContractError
from contract.named import below, once, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract


def upkeep(contracts: Sequence[Contract]) -> dict[str, dict[str, Any]]:
    """Return file -> ``volumes`` to back up, ``metrics`` (name -> ``service`` and ``path``) and ``egress``.

    Raises:
        ContractError: a contract leaves out a volume, or asks a service, that its file does not have; a name of
            metrics is there twice; or a service can call out and the contract does not say where, or none can.
    """
    once(below(contracts, "metrics"))
    return {
        each.file: {"volumes": _volumes(each), "metrics": _metrics(each), "egress": _egress(each)} for each in contracts
    }


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


def _egress(contract: Contract) -> list[str]:
    addresses = list(contract.needs.get("egress") or ())
    if contract.calling_out and not addresses:
        raise ContractError(
            f"{contract.file}: services.{contract.calling_out[0]} is in a network that leads out: x-landfast.egress "
            'must list the addresses that it calls, such as egress: [smtp, "api.example.org:443"]'
        )
    if addresses and not contract.calling_out:
        raise ContractError(
            f"{contract.file}: egress: no service of this file can call out: give one the network egress and "
            "dns: !reset []"
        )
    return addresses
