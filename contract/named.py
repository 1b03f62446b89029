"""Helpers for names in several contracts: finding them, keeping them unique, and reporting unknown ones."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from contract.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from contract.files import Contract

Entry = TypeVar("Entry")


def below(contracts: Sequence[Contract], *path: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield file, name and entry of each name below a path of keys."""
    for contract in contracts:
        for name, entry in contract.get(*path).items():
            yield contract.file, name, entry or {}


def unique(entries: Iterable[tuple[str, str, Entry]]) -> dict[str, Entry]:
    """Return name -> entry.

    Args:
        entries: file, name and entry of each.

    Raises:
        ContractError: two entries have the same name.
    """
    found: dict[str, Entry] = {}
    files: dict[str, str] = {}
    for file, name, entry in entries:
        if name in found:
            raise ContractError(f"{file}: {name} is in {files[name]} already; choose another name")
        found[name], files[name] = entry, file
    return found


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the known name that is most similar to ``name``; an empty string if none is similar.

    Args:
        name: an unknown name.
        known: the known names.
        cutoff: the least similarity, from 0 to 1.
    """
    return next(iter(get_close_matches(name, known, 1, cutoff)), "")


def unknown(kind: str, name: str, known: Collection[str], owner: str = "no contract has a") -> str:
    """Return a message about an unknown name, with the nearest known one.

    Args:
        kind: the kind of name.
        name: the unknown name.
        known: the known names.
        owner: the beginning of the message, which names the place without it.
    """
    close = nearest(name, known)
    return f"{owner} {kind} {name}" + (f"; did you mean {close}?" if close else "")


def as_json(value: object) -> str:
    """Return the content of a derived JSON file."""
    return json.dumps(value, indent=2) + "\n"
