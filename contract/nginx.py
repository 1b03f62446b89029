"""Nginx's part of the contracts: locations at the stack's own address, and servers with their own host names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from contract.errors import ContractError
from contract.files import EXTRA
from contract.hosts import own_host
from contract.locations import Location, block
from contract.named import below

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from contract.files import Contract

#: Path prefixes at the stack's own address that no application may have.
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

#: Required key -> the keys of a location that require it.
REQUIRED = {
    "service": (
        *("protocol", "largest_body", "timeout", "websocket", "fresh", "cache", "errors", "security_headers"),
        *("writes", "connections", "uploads"),
    ),
    "cache": ("languages",),
    "languages": ("language_cookie",),
    "files": ("internal", "immutable"),
}
#: Key of a location -> the key that it cannot do without, and its meaning.
NEEDED = {
    "writes": ("rate", "how many a second or a minute, like 20/s"),
    "uploads": ("largest_body", "the largest file, like 200m"),
}

HEAD = "# Derived from the contracts at each start: contract/README.md. The next start overwrites changes.\n"


def files(contracts: Sequence[Contract], *, on_servers: bool = False) -> dict[str, str]:
    """Return name in /run/secrets -> content.

    Args:
        contracts: the contracts of the house and of the applications.
        on_servers: whether the files are for servers, where an application may have another address than on a laptop.

    Raises:
        ContractError: two contracts have the same address, or a location is invalid.
    """
    return {
        "locations.conf": _locations(contracts),
        "servers.conf": _servers(contracts),
        "programs.conf": _programs(contracts),
        "readiness.conf": _readiness(contracts, on_servers=on_servers),
        **{_extra(each): each.extra for each in contracts if each.extra},
    }


def _locations(contracts: Sequence[Contract]) -> str:
    """Return the locations of the applications at the stack's own address.

    If none of them has the root, it redirects to the console.
    """
    found = [each for each in _checked(contracts) if not each.get("http", "hosts")]
    blocks = [_content(each) for each in found]
    if not any("/" in each.get("http", "locations") for each in found):
        blocks += ["\n# no application\n", block("location = /", ["return 302 /console/;"])]
    return HEAD + "".join(blocks)


def _servers(contracts: Sequence[Contract]) -> str:
    """Return a server for each application with its own host names, and the zones of all applications' limits."""
    checked = list(_checked(contracts))
    zones = [zone for each in checked for place in _places(each) for zone in place.zones()]
    blocks = [
        block("server", [f"server_name {' '.join(hosts)};", "include snippets/server.conf;", _content(each)])
        for each in checked
        if (hosts := each.get("http", "hosts"))
    ]
    return HEAD + "".join(zones) + "".join(f"\n{text}" for text in blocks)


def _programs(contracts: Sequence[Contract]) -> str:
    """Return the rows of the map with the paths at which programs get problem documents."""
    paths = sorted({path for each in contracts for path in each.get("http", "programs")})
    return HEAD + "".join(f'"~^(:\\S+ )?{re.escape(path.rstrip("/"))}[/?: ]" problem;\n' for path in paths)


def _readiness(contracts: Sequence[Contract], *, on_servers: bool) -> str:
    """Return the locations through which the console checks services, by the names in its report.

    Only Nginx shares a network with every application.
    """
    blocks = []
    for contract in contracts:
        host = own_host(contract.get("http", "hosts"), on_servers=on_servers) or "127.0.0.1"
        for _, name, entry in below([contract], "readiness"):
            if "service" not in entry:
                continue
            protocol, path = entry.get("protocol", "http"), entry.get("path", "/")
            lines = [f"set $place {entry['service']};", f"set $checked_host {host};", f"set $checked_path {path};"]
            if protocol == "uwsgi":
                page, _, query = path.partition("?")
                lines += [f"set $checked_page {page};", f'set $checked_query "{query}";']
            blocks.append(block(f"location = /{name}", [*lines, f"include snippets/readiness-{protocol}.conf;"]))
    return HEAD + "".join(blocks)


def _checked(contracts: Sequence[Contract]) -> Iterator[Contract]:
    """Yield the contracts with addresses.

    Raises:
        ContractError: as :func:`files`.
    """
    taken: dict[str, str] = {}
    for contract in contracts:
        for _, path, entry in below([contract], "http", "locations"):
            _check(contract, path, entry)
        for address in contract.get("http", "hosts") or contract.get("http", "locations"):
            other = taken.setdefault(address, contract.file)
            if other != contract.file:
                raise ContractError(f"{contract.file}: {address} is in {other} already")
        http = contract.get("http")
        if contract.extra and not http:
            raise ContractError(
                f"{contract.file}: nginx.extra requires x-landfast.http, with whose addresses it belongs"
            )
        if http:
            yield contract


def _check(contract: Contract, path: str, entry: Mapping[str, Any]) -> None:
    """Make sure that a location is valid.

    Raises:
        ContractError: it is not.
    """
    where, hosts = f"{contract.file}: http.locations.{path}", contract.get("http", "hosts")
    if "service" in entry or "files" not in entry:
        contract.check_service(entry.get("service", ""), where)
    _check_required(where, entry)
    if "fresh" in entry and entry.get("static"):
        raise ContractError(f"{where}: fresh and static exclude each other; a static file is cached for a week")
    if entry.get("cache"):
        _check_cache(where, entry)
    if "uploads" in entry:
        _check_uploads(contract, where, entry)
    if entry.get("internal") and not hosts:
        raise ContractError(f"{where}.internal requires hosts, because other applications share the stack's address")
    if not hosts and path.startswith(OF_THE_HOUSE):
        raise ContractError(f"{where}: the house answers at this path; choose another")
    if entry.get("websocket") and entry.get("protocol") == "uwsgi":
        raise ContractError(f"{where}.websocket: the protocol uwsgi has no WebSockets; use http")


def _check_required(where: str, entry: Mapping[str, Any]) -> None:
    """Make sure that a location has the keys that others of its keys require.

    Raises:
        ContractError: it lacks one.
    """
    for required, keys in REQUIRED.items():
        for key in keys:
            if key in entry and required not in entry:
                raise ContractError(f"{where}.{key} requires {required}")
    for key, (needed, words) in NEEDED.items():
        if needed not in entry.get(key, {needed}):
            raise ContractError(f"{where}.{key}.{needed} is missing: {words}")


def _check_cache(where: str, entry: Mapping[str, Any]) -> None:
    """Make sure that a location's cache is valid.

    Raises:
        ContractError: it is not.
    """
    for key in ("fresh", "static"):
        if key in entry:
            raise ContractError(f"{where}: cache and {key} exclude each other; each is a cache of its own")
    if entry.get("protocol") == "uwsgi":
        raise ContractError(f"{where}.cache: the protocol uwsgi has no such cache; use http")


def _check_uploads(contract: Contract, where: str, entry: Mapping[str, Any]) -> None:
    """Make sure that a location's uploads are valid.

    Raises:
        ContractError: they are not.
    """
    if "service" in entry["uploads"]:
        contract.check_service(entry["uploads"]["service"], f"{where}.uploads")
    for key in ("files", "largest_body"):
        if key in entry:
            raise ContractError(f"{where}: {key} and uploads exclude each other; only uploads have a body there")


def _places(contract: Contract) -> list[Location]:
    host = next(iter(contract.get("http", "hosts")), "")
    return [Location(path, entry, host) for _, path, entry in below([contract], "http", "locations")]


def _content(contract: Contract) -> str:
    blocks = [text for place in _places(contract) for text in place.blocks()]
    # A file of its own, so that Nginx's messages have its name and line, and its braces end nothing but its own blocks.
    extra = f"\ninclude /run/secrets/{_extra(contract)};\n" if contract.extra else ""
    return f"\n# {contract.file}\n" + "".join(blocks) + extra


def _extra(contract: Contract) -> str:
    """Return the name in /run/secrets of an application's ``nginx.extra``."""
    return f"{contract.name}.{EXTRA}"
