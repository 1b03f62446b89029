"""Looking things up in several contracts at once."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from contract.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from contract.files import Contract

Entry = TypeVar("Entry")


def below(contracts: Sequence[Contract], *path: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield file, name and what it says for each name below a path of keys."""
    for contract in contracts:
        found: Any = contract.needs
        for key in path:
            found = (found or {}).get(key)
        for name, entry in (found or {}).items():
            yield contract.file, name, entry or {}


def once(entries: Iterable[tuple[str, str, Entry]]) -> dict[str, Entry]:
    """Return name -> entry.

    Args:
        entries: file, name and entry of each.

    Raises:
        ContractError: the same name is there twice.
    """
    found: dict[str, Entry] = {}
    files: dict[str, str] = {}
    for file, name, entry in entries:
        if name in found:
            raise ContractError(f"{file}: {name} is in {files[name]} already; choose another name")
        found[name], files[name] = entry, file
    return found


def unknown(kind: str, name: str, there: Collection[str], lacking: str = "no contract has a") -> str:
    """Return what to say of a name that there is not, with the nearest that there is.

    Args:
        kind: what it should be the name of.
        name: what a contract says.
        there: the names that there are.
        lacking: who lacks it.
    """
    close = get_close_matches(name, there, 1)
    return f"{lacking} {kind} {name}" + (f"; did you mean {close[0]}?" if close else "")
