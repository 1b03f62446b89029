"""The applications of the stack: the rooms that compose.yaml lists, and their Compose files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cli.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LIST = ROOT / "compose.yaml"

_ROOM = re.compile(r"""^\s*- ["']?(?:\./)?(services/[\w.-]+)/compose\.yaml["']?\s*(?:#.*)?$""", re.MULTILINE)


def rooms(root: Path = ROOT) -> list[Path]:
    """Return the folders of the applications of a checkout, in the order of the list."""
    return [root / room for room in _ROOM.findall((root / LIST.name).read_text(encoding="utf-8"))]


def files(variant: str = "", root: Path = ROOT) -> list[Path]:
    """Return the Compose files of one kind: the house's first, then those of the applications that have one.

    Args:
        variant: ``override`` (a laptop's), ``servers`` or ``s3``; empty for the files that all runs share.
        root: the checkout.
    """
    name = f"compose.{variant}.yaml" if variant else "compose.yaml"
    house = {"": "compose.house.yaml", "override": "compose.laptop.yaml"}.get(variant, name)
    return [path for path in (root / house, *(room / name for room in rooms(root))) if path.is_file()]
