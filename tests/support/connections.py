"""The page of allowed connections between containers, docs/reference/connections.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = ROOT / "docs/reference/connections.md"
_ROW = re.compile(r"^\| (.+?) \| (.+?) \| .+ \|$", re.MULTILINE)


class Connection(NamedTuple):
    """A port of a container that another one can open."""

    visitor: str
    service: str
    port: int


def networks() -> dict[str, set[str]]:
    """Return network -> the containers in it."""
    return {name.strip("`"): set(members.split(", ")) for name, members in _rows("Networks")}


def ports() -> dict[str, set[int]]:
    """Return container -> the ports on which it listens for others."""
    found: dict[str, set[int]] = {}
    for names, numbers in _rows("Ports"):
        for name in names.split(", "):
            found.setdefault(name, set()).update(map(int, numbers.split(", ")))
    return found


def allowed() -> set[Connection]:
    """Return all connections that the page allows."""
    listening = ports()
    return {
        Connection(visitor, service, port)
        for members in networks().values()
        for visitor in members
        for service in members - {visitor}
        for port in listening.get(service, ())
    }


def _rows(heading: str) -> Iterator[tuple[str, str]]:
    """Yield the first two columns of the table below a heading."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    head, rule, *rows = _ROW.findall(section)
    assert head[0][0].isupper(), "the first row has the names of the columns"
    assert set(rule[0]) == {"-"}
    yield from rows
