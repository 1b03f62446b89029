"""Files ``commands.json`` of applications: read, and each mistake named. docs/how-to/develop.md has the keys."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    #: Part of a file -> name -> entry.
    Parts = dict[str, dict[str, dict[str, Any]]]

FILE = "commands.json"
#: The commands of ``./stack`` itself, which no application's replaces.
TAKEN = frozenset(
    {
        *("up", "down", "update", "doctor", "sbom", "test", "secret", "logs", "debug", "app", "upgrade", "completion"),
        *("bench", "ps", "shell", "psql", "redis-cli", "backup", "restore", "drill", "recovery-kit"),
    }
)

_NAME = re.compile(r"[a-z][a-z0-9-]*")
#: A service's name, as Compose has it.
_SERVICE = re.compile(r"[A-Za-z0-9][\w.-]*")
_WAY_OUT = "docs/how-to/develop.md has the keys; until it is mended, this application brings no commands"


@dataclass(frozen=True)
class _Key:
    """A key of an entry.

    Args:
        wanted: the description of its value.
        fits: whether a value is such a one.
        needed: whether an entry must have the key.
    """

    wanted: str
    fits: Callable[[Any], bool]
    needed: bool = False


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


_COMMAND = _Key('a list of words, such as ["ls", "-l"]', lambda value: _are_texts(value) and bool(value), needed=True)
#: Part of the file -> the keys of its entries.
_PARTS = {
    "commands": {
        "service": _Key(
            "a service's name", lambda value: isinstance(value, str) and bool(_SERVICE.fullmatch(value)), needed=True
        ),
        "command": _COMMAND,
        "help": _Key("a text", lambda value: isinstance(value, str), needed=True),
        "writes": _Key("true or false", lambda value: isinstance(value, bool)),
        "writing": _Key("a list of words", _are_texts),
    },
    "debug": {
        "command": _COMMAND,
        "variables": _Key(
            "names, each with a text", lambda value: isinstance(value, dict) and _are_texts([*value.values()])
        ),
    },
}


def read(room: Path) -> Parts:
    """Return the entries of an application's file.

    Args:
        room: the application's folder; it may have no such file.

    Raises:
        StackError: the file is wrong.
    """
    path = room / FILE
    shown = f"{room.parent.name}/{room.name}/{FILE}"
    try:
        document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except OSError as error:
        raise StackError(f"{shown} cannot be read: {error.strerror}", _WAY_OUT) from None
    except ValueError as error:
        raise StackError(f"{shown} is no JSON: {error}", _WAY_OUT) from None
    if not isinstance(document, dict) or document.keys() - _PARTS.keys():
        raise StackError(f"{shown} has other keys than commands and debug", _WAY_OUT)
    for problem in _problems(document):
        raise StackError(f"{shown}: {problem}", _WAY_OUT)
    return {part: document.get(part, {}) for part in _PARTS}


def _problems(document: dict[str, Any]) -> Iterator[str]:
    for part, keys in _PARTS.items():
        entries = document.get(part, {})
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            yield f"{part} must have names, each with its keys"
            return
        for name, entry in entries.items():
            yield from _problems_of_name(part, name)
            yield from (f"{part}.{name}: {problem}" for problem in _problems_of_entry(entry, keys))


def _problems_of_name(part: str, name: str) -> Iterator[str]:
    if part == "debug" and not _SERVICE.fullmatch(name):
        yield f"debug: {name!r} is no service's name"
    if part == "commands" and not _NAME.fullmatch(name):
        yield f"commands: {name!r} is no name for a command: small letters, digits and hyphens"
    if part == "commands" and name in TAKEN:
        yield f"commands: {name} is a command of ./stack itself; give yours another name"


def _problems_of_entry(entry: dict[str, Any], keys: dict[str, _Key]) -> Iterator[str]:
    yield from (f"nothing reads {key}; keys are {', '.join(keys)}" for key in entry if key not in keys)
    yield from (f"{name} is missing" for name, key in keys.items() if key.needed and name not in entry)
    yield from (
        f"{name} must be {key.wanted}" for name, key in keys.items() if name in entry and not key.fits(entry[name])
    )
