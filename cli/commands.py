"""Commands that applications bring: ``commands.json`` in an application's folder. docs/how-to/develop.md has its keys.

``./stack manage`` runs Django's command line because the site's folder says so; no file of Landfast's names it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli import applications, command_files
from cli.console import StackError
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from cli.command_files import Parts


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

    A name that several applications have is not there by itself: ``APPLICATION:NAME`` is, for each of them. An
    application whose file is wrong brings none: see :func:`problems`.

    Args:
        root: the checkout.
    """
    named: dict[str, list[Command]] = {}
    for room, parts in _right(root):
        for name, entry in parts["commands"].items():
            named.setdefault(name, []).append(Command(room=room.name, **entry))
    return {
        name if len(commands) == 1 else f"{command.room}:{name}": command
        for name, commands in named.items()
        for command in commands
    }


def debugged(root: Path = ROOT) -> dict[str, Debugged]:
    """Return the services that ``./stack debug`` can run, with how it does so; of applications as above.

    Args:
        root: the checkout.
    """
    return {service: Debugged(**entry) for _, parts in _right(root) for service, entry in parts["debug"].items()}


def problems(root: Path = ROOT) -> list[StackError]:
    """Return the mistake of each file that is wrong.

    Args:
        root: the checkout.
    """
    read = (_read(room) for room in applications.rooms(root))
    return [each for each in read if isinstance(each, StackError)]


def _right(root: Path) -> Iterator[tuple[Path, Parts]]:
    for room in applications.rooms(root):
        parts = _read(room)
        if not isinstance(parts, StackError):
            yield room, parts


def _read(room: Path) -> Parts | StackError:
    try:
        return command_files.read(room)
    except StackError as error:
        return error
