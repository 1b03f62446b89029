"""Whether a contract says what its keys want, and what all the keys mean."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from contract.errors import ContractError
from contract.schema import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contract.schema import Key

_KINDS = {"text": str, "list": list, "number": int, "switch": bool, "keys": dict}
_LIKE = {"text": "a text", "list": "a list", "number": "a whole number", "switch": "true or false", "keys": "a mapping"}


def check(value: object, key: Key, where: str) -> None:
    """Make sure that a value is what its key wants.

    Args:
        value: what the contract says; ``None`` is an empty mapping.
        key: what it is for.
        where: file and key, for the message.

    Raises:
        ContractError: it is not; all faults are named, with what would be right.
    """
    if faults := list(_faults(value, key, where)):
        raise ContractError("\n".join(faults))


def _faults(value: object, key: Key, where: str) -> Iterator[str]:
    value = {} if value is None and key.kind == "keys" else value
    if not isinstance(value, _KINDS[key.kind]) or (key.kind == "number" and isinstance(value, bool)):
        yield f"{where} must be {_LIKE[key.kind]}, not {value!r}: {key.means}"
    elif isinstance(value, dict):
        yield from _mapping_faults(value, key, where)
    elif isinstance(value, list):
        for item in value:
            yield from _form_faults(item, key, where)
    elif key.kind in ("text", "number"):
        yield from _form_faults(str(value), key, where)


def _form_faults(text: object, key: Key, where: str) -> Iterator[str]:
    if not isinstance(text, str) or not re.fullmatch(key.form, text, re.ASCII | re.DOTALL):
        yield f"{where}: {text!r} must have the form: {WORDS.get(key.form, key.form)}"


def _mapping_faults(value: dict[object, object], key: Key, where: str) -> Iterator[str]:
    for name, entry in value.items():
        if key.each is not None:
            yield from _form_faults(name, key, where)
            yield from _faults(entry, key.each, f"{where}.{name}")
        elif name in key.keys:
            yield from _faults(entry, key.keys[str(name)], f"{where}.{name}")
        else:
            meant = misspelt(name, key.keys) or f"there are: {', '.join(key.keys)}"
            yield f"{where}: nothing reads {name!r}; {meant}"


def misspelt(name: object, there: Iterable[str], alike: float = 0.6) -> str:
    """Return the question whether the nearest name is meant; nothing if none is near.

    Args:
        name: what a contract says.
        there: the names that there are.
        alike: how alike two names are at least, from 0 to 1.
    """
    close = get_close_matches(str(name), there, 1, alike)
    return f"did you mean {close[0]}?" if close else ""


def documented(key: Key, name: str = "x-landfast") -> Iterator[tuple[str, str]]:
    """Yield each key below ``key``, as a path, with its meaning."""
    yield name, key.means
    for part, entry in key.keys.items():
        yield from documented(entry, f"{name}.{part}")
    if key.each is not None:
        yield from documented(key.each, f"{name}.NAME")
