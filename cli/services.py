"""The services' names, and the tests of a service; read from the Compose files without Docker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cli import applications
from cli.console import StackError
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

#: Kinds of steps that belong to one folder: its tests and its types (``cli.suites``).
OWN_STEPS = ("tests", "types")

_SECTION = re.compile(r"^services:\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_SERVICE = re.compile(r"^  ([a-z0-9][a-z0-9_-]*):.*\n((?:    .*\n|\s*\n)*)", re.MULTILINE)
_IMAGE = re.compile(r"^    image: (?:.*/)?([^/@:\s]+)(?:[@:]\S+)?$", re.MULTILINE)


def images() -> dict[str, str]:
    """Return a laptop's services, each with the folder of its code: a room, or a folder named like its image."""
    found: dict[str, str] = {}
    for path in (*applications.files(), *applications.files("override")):
        for service, block in blocks(path):
            image = _IMAGE.search(block)
            if path.parent != ROOT:  # a room may extend a service of the house, such as Nginx; that stays the house's
                found.setdefault(service, path.parent.name)
            elif image:
                found[service] = image[1]
    return found


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the services in a Compose file: the name and the text of each."""
    for section in _SECTION.findall(path.read_text(encoding="utf-8")):
        yield from _SERVICE.findall(section)


def names(paths: Iterable[Path]) -> list[str]:
    """Return the services in Compose files, each once and in their order."""
    return list(dict.fromkeys(name for path in paths for name, _ in blocks(path)))


def check(names: Iterable[str], known: Collection[str]) -> None:
    """Make sure that every name is that of a service.

    Args:
        names: the names that the user typed.
        known: the services; empty if they are unknown.

    Raises:
        StackError: a name is not a service; the error lists the services.
    """
    unknown = sorted(set(names) - set(known)) if known else []
    if unknown:
        raise StackError(f"{', '.join(unknown)} is no service", f"services are: {', '.join(sorted(known))}")


def as_steps(arguments: Sequence[str], steps: Callable[[], Collection[str]]) -> list[str]:
    """Return the arguments of ``./stack test`` with each service's name replaced by its own steps.

    Services that share an image, such as ``worker`` and ``beat``, share its tests.

    Args:
        arguments: options, services, and other arguments of the tests' own command line.
        steps: returns the names of all steps; called only if there is a service.

    Raises:
        StackError: a service has no tests of its own.
    """
    found: list[str] = []
    known = images()
    for argument in arguments:
        if argument not in known:
            found.append(argument)
            continue
        there = steps()
        own = [f"{kind}-{known[argument]}" for kind in OWN_STEPS if f"{kind}-{known[argument]}" in there]
        if not own:
            raise StackError(
                f"{argument} has no tests of its own", "./stack test tests/stack looks at the services from outside"
            )
        found += own
    return list(dict.fromkeys(found))
