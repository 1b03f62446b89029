"""Checks a contract against its schema, and lists the documented keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from contract.errors import ContractError
from contract.named import nearest
from contract.schema import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contract.schema import Key

#: The similarity at which a wrong value of a choice is taken for a typing error: ``asgi`` is none of ``uwsgi``.
SIMILARITY = 0.7
_KINDS = {
    "string": (str, "a string"),
    "list": (list, "a list"),
    "number": (int, "a whole number"),
    "boolean": (bool, "true or false"),
    "keys": (dict, "a mapping"),
}


class Text(str):
    """Text from a file, with the number of its line there."""

    __slots__ = ("line",)
    line: int


def line(value: object) -> str:
    """Return the words for the line of a text from a file; nothing for other values."""
    return f" (line {value.line})" if isinstance(value, Text) else ""


def check(value: object, key: Key, where: str, *, may_be_empty: bool = False) -> None:
    """Make sure that a value is valid for its key.

    Args:
        value: the value in the contract; ``None`` is an empty mapping.
        key: the key.
        where: file and key, for the message.
        may_be_empty: whether an empty mapping has a meaning.

    Raises:
        ContractError: the value is invalid; the message has a line for each fault, with the valid form.
    """
    if faults := list(_faults(value, key, where, may_be_empty=may_be_empty)):
        raise ContractError("\n".join(faults))


def _faults(value: object, key: Key, where: str, *, may_be_empty: bool = False) -> Iterator[str]:
    # Names may be left out on purpose (`smoke: {}`); a key with nothing behind it is half-written.
    is_empty = key.kind == "keys" and not may_be_empty and (value is None or (value == {} and bool(key.keys)))
    value = {} if value is None and key.kind == "keys" else value
    kind, words = _KINDS[key.kind]
    if not isinstance(value, kind) or (key.kind == "number" and isinstance(value, bool)):
        found = "nothing" if value is None else repr(value)
        quoted = f'; write "{value}"' if key.kind == "string" and type(value) in (int, float) else ""
        yield f"{where} must be {words}, not {found}{quoted}: {key.means}"
    elif isinstance(value, dict):
        if is_empty:
            yield f"{where} is empty; remove it, or give it {'one of ' + ', '.join(key.keys) if key.keys else 'a name'}"
        yield from _mapping_faults(value, key, where)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _form_faults(item, key, where + line(item))
            if item in value[:number]:
                yield f"{where}{line(item)}: {item!r} is in the list twice; remove one"
    elif key.kind in ("string", "number"):
        yield from _form_faults(str(value), key, where)


def _form_faults(text: object, key: Key, where: str) -> Iterator[str]:
    if isinstance(text, str) and re.fullmatch(key.form, text, re.ASCII | re.DOTALL):
        return
    if not key.values:
        yield f"{where}: {text!r} must have the form: {WORDS[key.form]}"
        return
    close = nearest(str(text).lower(), key.values, SIMILARITY)
    remedy = f"; did you mean {close}?" if close else ""
    yield f"{where}: {text!r} must be {WORDS.get(key.form, ' or '.join(key.values))}{remedy}"


def _mapping_faults(value: dict[object, object], key: Key, where: str) -> Iterator[str]:
    for name, entry in value.items():
        if key.each is not None:
            yield from _form_faults(name, key, where)
            yield from _faults(entry, key.each, f"{where}.{name}", may_be_empty=True)
        elif name in key.keys:
            yield from _faults(entry, key.keys[str(name)], f"{where}.{name}")
        else:
            close = nearest(str(name), key.keys)
            remedy = f"did you mean {close}?" if close else f"known keys: {', '.join(key.keys)}"
            yield f"{where}: unknown key {name!r}; {remedy}"


def documented(key: Key, name: str = "x-landfast") -> Iterator[tuple[str, str]]:
    """Yield ``key`` and each key below it, as a path, with its meaning."""
    yield name, key.means
    for part, entry in key.keys.items():
        yield from documented(entry, f"{name}.{part}")
    if key.each is not None:
        yield from documented(key.each, f"{name}.NAME")
