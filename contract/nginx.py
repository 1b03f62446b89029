"""Nginx's part of the contracts: locations of the stack's own address, and servers with names of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from contract.errors import ContractError
from contract.hosts import own_host
from contract.locations import Location, block
from contract.named import below

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from contract.files import Contract

#: What no application has at the stack's own address.
OF_THE_HOUSE = (
    "/console/",
    "/flower/",
    "/rabbitmq/",
    "/readyz/",
    "/healthz/",
    "/internal/",
    "/pages/",
    "/.well-known/acme-challenge/",
)

#: Keys of a location that say something of the one that it must have beside them.
BESIDE = {
    "service": ("protocol", "largest_body", "timeout", "websocket", "fresh", "errors", "security_headers"),
    "files": ("internal", "immutable"),
}

HEAD = "# Derived from the contracts of the applications at each start: contract/README.md. A change here is lost.\n"


def files(contracts: Sequence[Contract], *, on_servers: bool = False) -> dict[str, str]:
    """Return name in /run/secrets -> content.

    Args:
        contracts: those of the applications.
        on_servers: whether Nginx of servers reads them: it asks an application at its address there.

    Raises:
        ContractError: two contracts want the same place, or a service is none of the application's.
    """
    return {
        "locations.conf": _locations(contracts),
        "servers.conf": _servers(contracts),
        "programs.conf": _programs(contracts),
        "readiness.conf": _readiness(contracts, on_servers=on_servers),
    }


def _locations(contracts: Sequence[Contract]) -> str:
    """Return the locations of all applications that answer at the stack's own address.

    Where none of them has its root, visitors meet the console there.
    """
    found = [each for each in _once(contracts) if not each.needs["http"].get("hosts")]
    blocks = [_content(each) for each in found]
    if not any("/" in each.needs["http"].get("locations", {}) for each in found):
        blocks += ["\n# no application\n", block("location = /", ["return 302 /console/;"])]
    return HEAD + "".join(blocks)


def _servers(contracts: Sequence[Contract]) -> str:
    """Return what belongs beside the stack's own server: a server for each application with host names of its own."""
    named = [each for each in _once(contracts) if each.needs["http"].get("hosts")]
    blocks = [
        f"\nserver {{\n    server_name {' '.join(each.needs['http']['hosts'])};\n    include snippets/server.conf;\n"
        f"{_indented(_content(each))}}}\n"
        for each in named
    ]
    return HEAD + "".join(blocks)


def _programs(contracts: Sequence[Contract]) -> str:
    """Return the rows of the map that says under which paths programs get problem documents."""
    paths = sorted({path for each in contracts for path in (each.needs.get("http") or {}).get("programs", ())})
    return HEAD + "".join(f'"~^(:\\S+ )?{re.escape(path.rstrip("/"))}[/?: ]" problem;\n' for path in paths)


def _readiness(contracts: Sequence[Contract], *, on_servers: bool) -> str:
    """Return the locations by which the console asks services whether they serve, each by its name in the report.

    Nginx alone shares a network with every application.
    """
    names = {contract.file: (contract.needs.get("http") or {}).get("hosts") or [] for contract in contracts}
    blocks = []
    for file, name, entry in below(contracts, "readiness"):
        if "service" in entry:
            host = own_host(names[file], on_servers=on_servers) or "127.0.0.1"
            lines = [f"set $place {entry['service']};", f"set $asked_host {host};"]
            path = entry.get("path", "/")
            lines.append(f"set $asked_path {path};")
            if entry.get("protocol") == "uwsgi":
                page, _, query = path.partition("?")
                lines += [f"set $asked_page {page};", f'set $asked_query "{query}";']
            lines.append(f"include snippets/ask-{entry.get('protocol', 'http')}.conf;")
            blocks.append(block(f"location = /{name}", lines))
    return HEAD + "".join(blocks)


def _once(contracts: Sequence[Contract]) -> Iterator[Contract]:
    """Yield each contract that says where it answers.

    Raises:
        ContractError: as :func:`files`.
    """
    taken: dict[str, str] = {}
    for contract in contracts:
        http = contract.needs.get("http")
        if not http:
            continue
        locations = http.get("locations") or {}
        for path, entry in locations.items():
            _check(contract, path, entry or {})
        for address in http.get("hosts") or locations:
            other = taken.setdefault(address, contract.file)
            if other != contract.file:
                raise ContractError(f"{contract.file}: {address} is in {other} already")
        yield contract


def _check(contract: Contract, path: str, entry: Mapping[str, Any]) -> None:
    """Make sure that a location can be had.

    Raises:
        ContractError: it cannot.
    """
    where = f"{contract.file}: http.locations.{path}"
    service = str(entry.get("service", "")).partition(":")[0]
    if service not in contract.services and (service or "files" not in entry):
        raise ContractError(f"{where}: service: {service or 'none'} is no service of this file")
    for wanted, keys in BESIDE.items():
        for key in keys:
            if key in entry and wanted not in entry:
                raise ContractError(f"{where}: {key}: it goes with {wanted}")
    if "fresh" in entry and entry.get("static"):
        raise ContractError(f"{where}: fresh: what is static is kept for a week; leave one of them out")
    if entry.get("internal") and not contract.needs["http"].get("hosts"):
        raise ContractError(f"{where}: internal: it goes with hosts, for other applications answer at the same address")
    if not contract.needs["http"].get("hosts") and path.startswith(OF_THE_HOUSE):
        raise ContractError(f"{where}: the house answers there; choose another path")
    if entry.get("websocket") and entry.get("protocol") == "uwsgi":
        raise ContractError(f"{where}: websocket: the protocol uwsgi has none")


def _content(contract: Contract) -> str:
    found = [Location(path, entry) for path, entry in (contract.needs["http"].get("locations") or {}).items()]
    blocks = [one for each in found for one in each.blocks()]
    return f"\n# {contract.file}\n" + "".join(blocks) + (f"\n{contract.extra.strip()}\n" if contract.extra else "")


def _indented(text: str) -> str:
    return "".join(f"    {line}" if line.strip() else line for line in text.splitlines(keepends=True))
