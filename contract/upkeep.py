"""The parts of a contract for operators' tools: volumes for backups, pages with metrics, external addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract import egress
from contract.check import line
from contract.errors import ContractError
from contract.named import below, unique, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract


def upkeep(contracts: Sequence[Contract]) -> dict[str, dict[str, Any]]:
    """Return file -> ``volumes`` (to back up), ``metrics`` (name -> ``service`` and ``path``) and ``egress``.

    Raises:
        ContractError: a contract names a volume or a service that is not in its file; two have metrics of one name; or
            a contract has a service with external connections but no ``egress``, or the reverse; or such a service
            resolves no external names.
    """
    unique(below(contracts, "metrics"))
    return {
        each.file: {"volumes": _volumes(each), "metrics": _metrics(each), "egress": _egress(each)} for each in contracts
    }


def _volumes(contract: Contract) -> list[str]:
    without = contract.get("backup", "without")
    for name in without:
        if name not in contract.volumes:
            problem = unknown("volume", name, contract.volumes, "this file has no")
            raise ContractError(f"{contract.file}: backup.without: {problem}")
    return [name for name in contract.volumes if name not in without]


def _metrics(contract: Contract) -> dict[str, dict[str, str]]:
    found = {}
    for file, name, entry in below([contract], "metrics"):
        contract.check_service(entry.get("service", ""), f"{file}: metrics.{name}")
        found[name] = {"service": entry["service"], "path": entry.get("path", "/metrics")}
    return found


def _egress(contract: Contract) -> list[str]:
    addresses = list(contract.get("egress"))
    if contract.calling_out and not addresses:
        raise ContractError(
            f"{contract.file}: services.{contract.calling_out[0]} is in a network that leads out: x-landfast.egress "
            'must list the external addresses to which it connects, such as egress: [smtp, "api.example.org:443"]'
        )
    if addresses and not contract.calling_out:
        raise ContractError(
            f"{contract.file}: egress: no service of this file can connect to them: give one `dns: !reset []` and the "
            f"network {contract.name}-egress, and declare `{contract.name}-egress: {{}}` under networks"
        )
    for address in addresses:
        egress.check(address, f"{contract.file}: x-landfast.egress{line(address)}")
    for service in contract.calling_out:
        if service in contract.without_dns:
            raise ContractError(
                f"{contract.file}: services.{service} is in a network that leads out, but resolves no external names: "
                "add `dns: !reset []` to it"
            )
    return addresses
