"""Commands that applications bring: ``commands.json`` in an application's folder. docs/how-to/develop.md has its keys.

``./stack manage`` runs Django's command line because the site's folder says so; no file of Landfast's names it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cli import applications
from cli.console import StackError
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FILE = "commands.json"


@dataclass(frozen=True)
class Command:
    """A program in an application's container.

    Args:
        room: the application's folder.
        service: in whose container it runs.
        command: the argument list; the user's own words follow it.
        help: what it does, in a line.
        writes: whether it writes into the folder, whatever its first word is.
        writing: first words that make it write into the folder, which the running service has read-only.
    """

    room: str
    service: str
    command: Sequence[str]
    help: str
    writes: bool = False
    writing: Sequence[str] = ()

    def may_write(self, arguments: Sequence[str]) -> bool:
        """Return whether it writes into the folder when it is called with ``arguments``."""
        return self.writes or bool(set(arguments[:1]) & set(self.writing))


@dataclass(frozen=True)
class Debugged:
    """How a service runs with one process that has the terminal.

    Args:
        command: the argument list; no ``json-lines``, which would come between the debugger and the terminal.
        variables: variables beside the service's own.
    """

    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


def found(root: Path = ROOT) -> dict[str, Command]:
    """Return the commands of all applications on the list, by name.

    A name that several applications have is not there by itself: ``APPLICATION:NAME`` is, for each of them.

    Args:
        root: the checkout.

    Raises:
        StackError: a file is no JSON, or has a wrong key.
    """
    named: dict[str, list[Command]] = {}
    for room in applications.rooms(root):
        for name, entry in _read(room, "commands").items():
            named.setdefault(name, []).append(_made(Command, room, f"commands.{name}", {"room": room.name, **entry}))
    return {
        name if len(commands) == 1 else f"{command.room}:{name}": command
        for name, commands in named.items()
        for command in commands
    }


def debugged(root: Path = ROOT) -> dict[str, Debugged]:
    """Return the services that ``./stack debug`` can run, with how it does so.

    Args:
        root: the checkout.

    Raises:
        StackError: as above.
    """
    return {
        service: _made(Debugged, room, f"debug.{service}", entry)
        for room in applications.rooms(root)
        for service, entry in _read(room, "debug").items()
    }


def _read(room: Path, part: str) -> dict[str, dict[str, Any]]:
    path = room / FILE
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StackError(f"{_shown(room)} is no JSON: {error}", "mend it, or remove it") from None
    if not isinstance(document, dict) or document.keys() - {"commands", "debug"}:
        raise StackError(f"{_shown(room)} has other keys than commands and debug", "docs/how-to/develop.md has them")
    entries = document.get(part, {})
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise StackError(
            f"{_shown(room)}: {part} must have names, each with its keys", "docs/how-to/develop.md has them"
        )
    return entries


def _made(kind: Any, room: Path, place: str, entry: dict[str, Any]) -> Any:  # noqa: ANN401 - one of the two above
    try:
        return kind(**entry)
    except TypeError as error:
        problem = str(error).rpartition("() ")[2]
        raise StackError(f"{_shown(room)}: {place}: {problem}", "docs/how-to/develop.md has the keys") from None


def _shown(room: Path) -> str:
    return f"{room.parent.name}/{room.name}/{FILE}"
