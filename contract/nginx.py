"""Nginx's part of the contracts: locations of the stack's own address, and servers with names of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contract.errors import ContractError
from contract.named import below

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from contract.files import Contract

HEAD = "# Derived from the contracts of the applications at each start: contract/README.md. A change here is lost.\n"

#: How requests are handed on, by protocol: the directive, and the snippet with what the service needs to know.
_PASS = {
    "http": ("proxy_pass http://$place", "proxy-headers"),
    "uwsgi": ("uwsgi_pass $place", "uwsgi-headers"),
}


@dataclass(frozen=True)
class Location:
    """A place where an application answers.

    Args:
        path: what its addresses begin with.
        says: what the contract has below it.
    """

    path: str
    says: Mapping[str, Any]

    def block(self) -> str:
        """Return the location as Nginx reads it."""
        hands_on, snippet = _PASS[self.says.get("protocol", "http")]
        programs = self.says.get("errors") == "problem"
        lines = [f"set $place {self.says['service']};"]
        if "largest_body" in self.says:
            lines.append(f"client_max_body_size {self.says['largest_body']};")
        if self.says.get("websocket"):
            lines += ["set $websocket on;", "proxy_read_timeout 1h; # silence is no fault there"]
        lines += [f"{hands_on};", f"include snippets/{snippet}.conf;"]
        if self.says.get("security_headers"):
            lines.append("include snippets/security-headers.conf;")
        lines.append(f"error_page 502 504 =503 /pages/503.{'problem' if programs else 'html'};")
        lines.append(f"error_page 413 /pages/413.{'problem' if programs else '$refused_as'};")
        return _block(f"location {self.path}", lines)

    def without_slash(self) -> str:
        """Return the location that sends visitors on who leave the last slash out; none for the root."""
        return _block(f"location = {self.path[:-1]}", [f"return 308 {self.path};"]) if len(self.path) > 1 else ""


def files(contracts: Sequence[Contract]) -> dict[str, str]:
    """Return name in /run/secrets -> content.

    Raises:
        ContractError: two contracts want the same place, or a service is none of the application's.
    """
    return {
        "locations.conf": _locations(contracts),
        "servers.conf": _servers(contracts),
        "programs.conf": _programs(contracts),
        "readiness.conf": _readiness(contracts),
    }


def _locations(contracts: Sequence[Contract]) -> str:
    """Return the locations of all applications that answer at the stack's own address.

    Where none of them has its root, visitors meet the console there.
    """
    found = [each for each in _once(contracts) if not each.needs["http"].get("hosts")]
    blocks = [_content(each) for each in found]
    if not any("/" in each.needs["http"].get("locations", {}) for each in found):
        blocks += ["\n# no application\n", _block("location = /", ["return 302 /console/;"])]
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


def _readiness(contracts: Sequence[Contract]) -> str:
    """Return the locations by which the console asks services whether they serve, each by its name in the report.

    Nginx alone shares a network with every application.
    """
    names = {contract.file: (contract.needs.get("http") or {}).get("hosts") or [] for contract in contracts}
    blocks = []
    for file, name, entry in below(contracts, "readiness"):
        if "service" in entry:
            host = next(iter(names[file]), "127.0.0.1")
            lines = [f"set $place {entry['service']};", f"set $asked_host {host};"]
            lines.append(f"set $asked_path {entry.get('path', '/')};")
            lines.append(f"include snippets/ask-{entry.get('protocol', 'http')}.conf;")
            blocks.append(_block(f"location = /{name}", lines))
    return HEAD + "".join(blocks)


def _once(contracts: Sequence[Contract]) -> Iterator[Contract]:
    """Yield each contract that says where it answers.

    Raises:
        ContractError: as :func:`files`.
    """
    taken: dict[tuple[str, str], str] = {}
    for contract in contracts:
        http = contract.needs.get("http")
        if not http:
            continue
        for path, entry in (http.get("locations") or {}).items():
            service = str((entry or {}).get("service", "")).partition(":")[0]
            if service not in contract.services:
                raise ContractError(
                    f"{contract.file}: http.locations.{path}: service: {service or 'none'} is no service of this file"
                )
            for host in http.get("hosts") or [""]:
                other = taken.setdefault((host, path), contract.file)
                if other != contract.file:
                    raise ContractError(f"{contract.file}: {host}{path} is in {other} already")
        yield contract


def _content(contract: Contract) -> str:
    found = [Location(path, entry) for path, entry in (contract.needs["http"].get("locations") or {}).items()]
    blocks = [block for each in found for block in (each.without_slash(), each.block())]
    return f"\n# {contract.file}\n" + "".join(blocks) + (f"\n{contract.extra.strip()}\n" if contract.extra else "")


def _block(head: str, lines: Sequence[str]) -> str:
    return f"{head} {{\n{''.join(f'    {line}{chr(10)}' for line in lines)}}}\n"


def _indented(text: str) -> str:
    return "".join(f"    {line}" if line.strip() else line for line in text.splitlines(keepends=True))
