"""``./stack app list``: the applications with their addresses, and the state of their services."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from cli import applications, console, doctor, services
from cli.app import plan
from cli.console import StackError
from cli.settings import ROOT, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_HTTP = re.compile(r"^  http:\n((?:    .*\n|\s*\n)*)", re.MULTILINE)
_HOSTS = re.compile(r"^    hosts:[ ]*(.*\n(?:      .*\n|    - .*\n)*)", re.MULTILINE)
_HOST = re.compile(r"(?:[\[,-][ ]*)(?:&\w+ )?[\"']?([a-z0-9][a-z0-9.-]*)")
_PATH = re.compile(r"^      [\"']?(/[\w./~-]*)[\"']?:", re.MULTILINE)


def listing(*, as_json: bool = False) -> int:
    """Print the applications.

    Args:
        as_json: whether to print it for programs: the plans of the house and of all listed applications.

    Raises:
        StackError: a contract is invalid; or, with ``as_json``, Docker does not answer.
    """
    if as_json:
        print(json.dumps({file: vars(each) for file, each in plan.read_all().items()}, indent=2))
        return 0
    settings = Settings.read()
    wrong = None
    try:
        plan.read_all()
    except plan.UnreadError as error:
        print(f"The contracts are not checked: {error}\n")
    except StackError as error:
        wrong = error
    try:
        states = {each.service: each.words for each in doctor.find_containers()}
    except StackError as error:
        print("" if wrong else f"The state of the services is unknown: {error}\n", end="")
        states = {}
    rows = [("application", "on the list", "answers at", "services")]
    for name in plan.existing():
        rows += described(name, settings, states, listed=plan.is_listed(name))
    print(console.columns(rows))
    if wrong:
        raise wrong
    return 0


def described(
    name: str, settings: Settings, states: Mapping[str, str], *, listed: bool
) -> Iterator[tuple[str, str, str, str]]:
    """Yield an application's rows: as many as it has addresses or services.

    Args:
        name: the application's name.
        settings: the stack's ports and its own address.
        states: service -> its state; empty if unknown.
        listed: whether ``compose.yaml`` names it.
    """
    file = ROOT / "services" / name / "compose.yaml"
    if not file.is_file():
        yield name, "yes, but the file is missing", "", ""
        return
    there = addresses(file, settings)
    own = [f"{each}: {states[each]}" if each in states else each for each in own_services(file)]
    for number in range(max(len(there), len(own), 1)):
        head = (name, "yes" if listed else "no") if number == 0 else ("", "")
        address, service = (column[number] if number < len(column) else "" for column in (there, own))
        yield (*head, address, service)


def own_services(file: Path) -> list[str]:
    """Return the services of a room without those of the house."""
    files = (*applications.files(), *applications.files("override"))
    house = services.names(path for path in files if path.parent == ROOT)
    return [name for name in services.names([file]) if name not in house]


def addresses(file: Path, settings: Settings) -> list[str]:
    """Return an application's addresses. Its contract is not parsed: Python has no reader of YAML."""
    roots = [f"http://{host}:{settings.ports['HTTP_PORT']}" for host in hosts(file)] or [settings.public_url]
    return [f"{root}{path}" for root in roots for path in _PATH.findall(_http(file))]


def hosts(file: Path) -> list[str]:
    """Return an application's own host names. Its contract is not parsed, as above."""
    return [host for text in _HOSTS.findall(_http(file)) for host in _HOST.findall(text)]


def _http(file: Path) -> str:
    return "".join(_HTTP.findall(file.read_text(encoding="utf-8")))
