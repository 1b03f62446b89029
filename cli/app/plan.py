"""The plans of applications, which ``contract/plans.py`` reads from their contracts; and faults in Compose files."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from cli import applications, compose, process
from cli.app import lists
from cli.console import StackError
from cli.settings import ROOT, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: Seconds for a container that reads the contracts.
TIMEOUT = 120
#: The script that runs a command by a timetable: a contract with ``x-every`` requires it.
PERIODICALLY = "/run/secrets/periodically"
#: The exit status of ``contract.plans`` for an invalid contract. Docker's own problems have others, from 125 on.
INVALID = 1


class UnreadError(StackError):
    """The contracts could not be read, because their reader cannot run; they may be valid."""


@dataclass(frozen=True)
class Plan:
    """The part of a contract that the commands need.

    Args:
        services: the services that no other file has.
        hosts: its own host names.
        locations: path -> the service that answers there, and its port: ``NAME:PORT``.
        uwsgi: the places, ``NAME:PORT``, to which Nginx speaks the uwsgi protocol.
        smoke: the checks after a start: ``host``, ``path``, ``status`` and ``contains``.
        databases: its own databases.
        schemas: its schemas in the shared database.
        vhosts: its own vhosts.
        users: its users of the broker.
        networks: the networks that its file declares.
        secrets: the secrets that no other contract declares.
        volumes: the volumes to back up.
        metrics: name -> ``service`` (``NAME:PORT``) and ``path`` of a page with metrics.
        egress: the external addresses to which its services connect; ``smtp`` is the mail server.
    """

    services: Sequence[str]
    hosts: Sequence[str]
    locations: Mapping[str, str]
    uwsgi: Sequence[str]
    smoke: Sequence[Mapping[str, Any]]
    databases: Sequence[str]
    schemas: Sequence[str]
    vhosts: Sequence[str]
    users: Sequence[str]
    networks: Sequence[str]
    secrets: Sequence[str]
    volumes: Sequence[str]
    metrics: Mapping[str, Mapping[str, str]]
    egress: Sequence[str]


def existing() -> list[str]:
    """Return the names of all applications with a room, listed or not."""
    listed = [room.name for room in applications.rooms()]
    there = sorted(path.parent.name for path in (ROOT / "services").glob("[!.]*/compose.yaml"))
    return list(dict.fromkeys([*listed, *there]))


def room(name: str) -> Path:
    """Return the folder of an application.

    Raises:
        StackError: there is none of that name; the message has the nearest one.
    """
    if name not in (there := existing()):
        close = get_close_matches(name, there, 1)
        meant = f"did you mean {close[0]}?" if close else f"there are: {', '.join(there) or 'none'}"
        raise StackError(f"there is no application {name}", f"{meant} ./stack app new makes one")
    return ROOT / "services" / name


def is_listed(name: str) -> bool:
    """Return whether ``compose.yaml`` names the application."""
    return name in {room.name for room in applications.rooms()}


def reader(project: str) -> list[str]:
    """Return the command that reads this checkout's contracts. It makes no volume and no network, and builds nothing.

    Args:
        project: the project's name, with which the names of its images begin.
    """
    mounts = {path: f"/stack/{path.name}" for path in (*sorted(ROOT.glob("compose*.yaml")), ROOT / "services")}
    mounts[ROOT / "contract"] = "/app/contract"  # that of the image may be older
    return [
        *("docker", "run", "--rm", "--pull=never", "--network=none", f"--user={os.geteuid()}:{os.getegid()}"),
        *(f"--mount=type=bind,source={source},target={target},readonly" for source, target in mounts.items()),
        *("--entrypoint=python3", f"{project}/secrets", "-m", "contract.plans"),
    ]


def read_all() -> dict[str, Plan]:
    """Return file -> plan, of the house and of all applications on the list.

    Raises:
        UnreadError: Docker does not answer, or the image that reads contracts does not exist.
        StackError: a contract is invalid; the message has a line for each fault, with its file.
    """
    project = Settings.read().project
    image = process.capture(compose.image_exists(f"{project}/secrets"))
    if "no such image" in image.stderr.lower():
        raise UnreadError(f"the image {project}/secrets, which reads them, is not built yet", "./stack up builds it")
    output = process.capture(reader(project), timeout=TIMEOUT)
    if output.code == INVALID:
        raise StackError(output.stderr.strip(), "contract/README.md has every key; then repeat the command")
    if output.code != 0:
        raise UnreadError(output.stderr.strip() or output.stdout.strip(), "./stack doctor checks Docker")
    return {file: Plan(**found) for file, found in json.loads(output.stdout).items()}


def check_files() -> None:
    """Make sure that Compose can read its files.

    Raises:
        StackError: it cannot.
    """
    output = process.capture(compose.compose("config", "--quiet"))
    if output.code != 0:
        raise unreadable(output.stderr.strip())


def check() -> dict[str, Plan]:
    """Make sure that Compose can read its files and that all contracts are valid, before anything is built.

    Returns:
        The plans of all contracts; none if their reader must be built first.

    Raises:
        StackError: a file or a contract is invalid.
    """
    check_files()
    try:
        return read_all()
    except UnreadError:
        return {}


def unreadable(problem: str) -> StackError:
    """Return the error for files that Compose cannot read: half-written YAML with its file and line.

    Args:
        problem: Compose's own message, which names no file.
    """
    try:
        read_all()
    except UnreadError:
        # A first start: Compose finds the file, but not the exact line. A list fails if an included file does.
        for path in (*ROOT.glob("compose.templates*.yaml"), *_files(), *(ROOT / name for name in lists.LISTS)):
            alone = process.capture(["docker", "compose", f"--file={path}", "config", "--quiet"])
            if alone.code != 0 and "yaml: " in alone.stderr:
                return StackError(
                    f"{path.relative_to(ROOT)}: near this line: {alone.stderr.strip()}", "correct the file"
                )
    except StackError as error:
        return error
    return StackError("Compose cannot read its files", problem)


def _files() -> list[Path]:
    return [*applications.files(), *applications.files("override")]


def read(name: str) -> Plan:
    """Return the plan of an application that is on the list.

    Raises:
        StackError: as :func:`read_all`.
    """
    return read_all()[f"services/{name}/compose.yaml"]


def configuration(*files: Path, active: bool = False) -> dict[str, Any]:
    """Return Compose's view of the whole stack.

    Args:
        files: the Compose files; by default those of a laptop.
        active: whether to leave out services of inactive profiles.

    Raises:
        StackError: Compose refuses the files, or is missing.
    """
    options = [*(f"--file={file}" for file in files), *(() if active else ("--profile=*",))]
    output = process.capture(compose.config(*options))
    if output.code != 0:
        raise unreadable(output.stderr.strip())
    return dict(json.loads(output.stdout))


def never_two() -> set[str]:
    """Return the services of which a second container must not run.

    These are periodic commands, and services that servers stop before they start the next one: those with the templates
    ``single`` and ``periodic`` of compose.templates.servers.yaml, and with templates that extend these.

    Raises:
        StackError: as :func:`configuration`.
    """
    found = configuration(applications.LIST, *applications.files("servers"))["services"]
    return {name for name, entry in found.items() if _is_periodic(entry) or _is_stopped_first(entry)}


def _is_periodic(entry: Mapping[str, Any]) -> bool:
    return PERIODICALLY in (entry.get("entrypoint") or [])


def _is_stopped_first(entry: Mapping[str, Any]) -> bool:
    deploy = entry.get("deploy") or {}
    return (deploy.get("update_config") or {}).get("order") == "stop-first"
