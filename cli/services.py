"""The services' names, and the tests that are a service's own; read from the Compose files without asking Docker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cli import applications
from cli.console import StackError
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

#: Steps of a test run that are one folder's own: its tests and its types (``cli.suites``).
OWN_STEPS = ("tests", "types")

_SECTION = re.compile(r"^services:\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_SERVICE = re.compile(r"^  ([a-z0-9][a-z0-9_-]*):.*\n((?:    .*\n|\s*\n)*)", re.MULTILINE)
_IMAGE = re.compile(r"^    image: (?:.*/)?([^/@:\s]+)(?:[@:]\S+)?$", re.MULTILINE)


def images() -> dict[str, str]:
    """Return a laptop's services with the folder that holds the code of each: a room, or one named like its image."""
    found: dict[str, str] = {}
    for path in (*applications.files(), *applications.files("override")):
        for service, block in blocks(path):
            image = _IMAGE.search(block)
            if path.parent != ROOT:  # a part of the house's, such as another network of Nginx, is none of its own
                found.setdefault(service, path.parent.name)
            elif image:
                found[service] = image[1]
    return found


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the services in a Compose file: the name and the text of each."""
    for section in _SECTION.findall(path.read_text(encoding="utf-8")):
        yield from _SERVICE.findall(section)


def names(paths: Iterable[Path]) -> list[str]:
    """Return the services that Compose files name, each once and in their order."""
    return list(dict.fromkeys(name for path in paths for name, _ in blocks(path)))


def check(names: Iterable[str], known: Collection[str]) -> None:
    """Make sure that every name is a service's.

    Args:
        names: what somebody typed.
        known: the services; none, if they cannot be told.

    Raises:
        StackError: a name is none; the services are listed.
    """
    unknown = sorted(set(names) - set(known)) if known else []
    if unknown:
        raise StackError(f"{', '.join(unknown)} is no service", f"services are: {', '.join(sorted(known))}")


def as_steps(arguments: Sequence[str], steps: Callable[[], Collection[str]]) -> list[str]:
    """Return what follows ``./stack test`` with each service's name replaced by the steps that are its own.

    Services that share an image, such as ``worker`` and ``beat``, share its tests.

    Args:
        arguments: options, services, and what the tests' own command line understands.
        steps: returns the names of all steps; asked only if there is a service.

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
