"""Apache's part of the contracts, for compose.apache.yaml: requests reach services and files, and little else.

Nginx alone has caches, the limits of a visitor, large uploads, files that a service hands out by ``X-Accel-Redirect``,
and ``nginx.extra`` (docs/how-to/wsgi-servers.md). Macros in ``images/apache/apache.conf`` have what all routes share.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from contract import flower
from contract.hosts import own_host
from contract.named import below
from contract.nginx import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from contract.files import Contract
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def configuration(contracts: Sequence[Contract]) -> str:
    """Return Apache's routes to all applications, to Flower, and to the pages that tell whether a service is ready.

    Args:
        contracts: valid contracts of the house and of the applications (:func:`contract.nginx.files`).
    """
    found = [each for each in contracts if each.get("http", "locations")]
    shared = [entry for each in found if not each.get("http", "hosts") for entry in _entries(each)]
    ports = flower.ports(contracts)
    watching = [_pass(path, f"flower:{ports[path]}") for path in sorted(ports, key=len, reverse=True)]
    parts = [
        _macro("Applications", [*_routes(shared), *_without_site(shared)]),
        _macro("Flowers", watching),
        _macro("Readiness", _readiness(contracts)),
        "\nUse Server House localhost localhost\n",  # the first one is for unknown names
    ]
    for each in found:
        if hosts := each.get("http", "hosts"):
            name = f"Application-{each.name}"
            parts += [_macro(name, _routes(_entries(each))), f'Use Server {name} {hosts[0]} "{" ".join(hosts)}"\n']
    return HEAD + "".join(parts)


def _entries(contract: Contract) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the path prefixes of an application, with their entries."""
    return [(path, entry) for _, path, entry in below([contract], "http", "locations")]


def _routes(entries: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Yield the routes of one server: where requests go, the longest prefix first, then each prefix's rules."""
    ordered = sorted(entries, key=lambda each: len(each[0]))
    for path, entry in reversed(ordered):
        if "files" in entry:
            yield f'ProxyPass "{path}" "!"'
            yield f'Alias "{path}" "{entry["files"]}/"'
        else:
            yield _pass(path, entry["service"], entry)
    for path, entry in ordered:  # the last rule counts
        if "files" not in entry:
            largest = _bytes_or_seconds(entry.get("largest_body", "2m"), _UNITS)
            yield f'SetEnvIf Request_URI "^{re.escape(path)}" largest_body={largest}'
            continue
        yield f'<Location "{path}">'
        yield f"    Use {'StaticFiles' if entry.get('static') else 'UploadedFiles'}"
        if entry.get("immutable"):
            yield '    Header set Cache-Control "public, max-age=31536000, immutable"'
        yield "</Location>"
    yield '<Location "/">'
    yield from (f"    {line}" for path, entry in ordered for line in _redirects(path, entry))
    yield "</Location>"


def _without_site(entries: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Yield a redirect to the console where no application has the root."""
    if not any(path == "/" for path, _ in entries):
        yield 'RedirectMatch 302 "^/$" "/console/"'


def _pass(path: str, place: str, entry: Mapping[str, Any] | None = None) -> str:
    """Return the directive that sends requests below a prefix to a service, as they are."""
    entry = entry or {}
    websocket = entry.get("websocket")
    seconds = _bytes_or_seconds(entry.get("timeout", "1h" if websocket else "60s"), _SECONDS)
    upgrade = " upgrade=websocket" if websocket else ""
    scheme = entry.get("protocol", "http")
    return f'ProxyPass "{path}" "{scheme}://{place}{path}" nocanon ${{TO_SERVICE}} timeout={seconds}{upgrade}'


def _redirects(path: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is answered without a service or a file."""
    if entry.get("internal"):
        yield f'RedirectMatch 404 "^{re.escape(path)}"'
    elif len(path) > 1:  # for visitors who omit the last slash
        yield f'RedirectMatch 308 "^{re.escape(path[:-1])}$" "{path}"'
    for pattern in entry.get("deny", ()):
        denied = ".*".join(re.escape(part) for part in f"{path}{pattern}".split("*"))
        yield f'RedirectMatch 404 "(?s)^{denied}$"'


def _readiness(contracts: Sequence[Contract]) -> Iterator[str]:
    """Yield the locations through which the console checks services, by the names in its report."""
    for contract in contracts:
        host = own_host(contract.get("http", "hosts"), on_servers=False) or "127.0.0.1"
        for _, name, entry in below([contract], "readiness"):
            if "service" in entry:
                page = f"{entry.get('protocol', 'http')}://{entry['service']}{entry.get('path', '/')}"
                yield f'ProxyPass "/{name}" "{page}" ${{TO_SERVICE}} timeout=2'
                yield f'<Location "/{name}">'
                yield f'    RequestHeader set Host "{host}"'
                yield "</Location>"


def _macro(name: str, lines: Iterable[str]) -> str:
    inner = "".join(f"    {line}\n" for line in lines)
    return f"\n<Macro {name}>\n{inner}</Macro>\n"


def _bytes_or_seconds(text: str, units: Mapping[str, int]) -> int:
    """Return a number like ``12m`` without its unit."""
    return int(text.rstrip("smhkg")) * units.get(text[-1], 1)
