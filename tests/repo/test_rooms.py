"""Each application stands alone: no room imports, mounts or meets another, and what is shared knows no room."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOMS = sorted(path for path in (ROOT / "services").iterdir() if (path / "compose.yaml").exists())
#: What no application is: libraries, the house's own programs, and what works on contracts.
HOUSE = ("libs", "console", "images", "contract", "rollout", "cli", "nginx", "ansible")

#: No ``ast``: this runs on the Python of the host, which may be too old for the services.
IMPORTS = re.compile(r"^\s*(?:from|import) (\w+)", re.MULTILINE)
#: Networks that a service joins.
JOINED = re.compile(r"networks: (?:!override )?\[([^\]]*)\]")
#: A room's folder, wherever a recipe or a Compose file names one.
FOLDERS = re.compile(r"services/([\w-]+)")


def packages(room: Path) -> set[str]:
    """Return the names that Python code of a room may be imported by; its tests are nobody's to import."""
    folders = {path.name for path in room.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    modules = {path.stem for path in room.glob("*.py")}
    return (folders | modules) - {"tests", "migrations"}


def imported(folder: Path) -> Iterator[tuple[Path, str]]:
    """Return each file of a folder with each package that it imports."""
    for path in sorted(folder.rglob("*.py")):
        for name in IMPORTS.findall(path.read_text(encoding="utf-8")):
            yield path, name


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_imports_no_other(room: Path) -> None:
    others = {name for other in ROOMS if other != room for name in packages(other)} - packages(room)

    assert others
    assert [f"{path}: {name}" for path, name in imported(room) if name in others] == []


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_s_image_and_containers_hold_nothing_of_another(room: Path) -> None:
    files = [room / "Dockerfile", *room.glob("compose*.yaml")]
    lines = [line.partition("#")[0] for path in files for line in path.read_text(encoding="utf-8").splitlines()]

    assert {name for line in lines for name in FOLDERS.findall(line)} == {room.name}


def networks(room: Path) -> set[str]:
    """Return the networks that a room declares; none but ROOM-egress leads out."""
    declared = (room / "compose.yaml").read_text(encoding="utf-8").partition("\nnetworks:\n")[2]
    return set(re.findall(r"^  ([\w-]+)(?:: \{internal: true\}|(?<=-egress): \{\})$", declared, re.MULTILINE))


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_is_in_networks_of_its_own_alone(room: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in room.glob("compose*.yaml")]
    joined = {name for text in texts for names in JOINED.findall(text) for name in re.findall(r"[\w-]+", names)}

    assert networks(room)
    assert joined <= networks(room)
    assert not [other for other in ROOMS if other != room and networks(other) & networks(room)]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_nginx_is_in_no_network_of_what_a_room_leans_on(room: Path) -> None:
    text = (room / "compose.yaml").read_text(encoding="utf-8")
    served = re.search(r"^  nginx:(?: \{|\s+)networks: \[([\w-]+)\]", text, re.MULTILINE)
    leaned_on = set(
        re.findall(r"^  (?:postgres|redis|redis-cache|rabbitmq): \{networks: \[([\w-]+)\]\}$", text, re.MULTILINE)
    )

    assert len(leaned_on) == 1
    assert not served or served[1] not in leaned_on


@pytest.mark.parametrize("folder", HOUSE)
def test_what_is_shared_knows_no_room(folder: str) -> None:
    rooms = {name for room in ROOMS for name in packages(room)}
    own = {path.name for path in (ROOT / folder).iterdir()} | {"worker"}  # landfast_runtime.worker is imported whole

    found = [f"{path}: {name}" for path, name in imported(ROOT / folder) if name in rooms - own]
    assert found == []
