"""The third-party products in tests/products, and a repository for their contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.files import HOUSE, LIST
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "tests/products"
NAMES = ("wagtail", "pretix")


def files(name: str = "compose.yaml") -> tuple[str, ...]:
    """Return the products' Compose files of one name, relative to the repository."""
    return tuple(f"{FOLDER}/{product}/{name}" for product in NAMES)


def make_root(folder: Path) -> Path:
    """Make an empty folder look like a repository with only the products, for code that reads contracts."""
    (folder / "tests").mkdir()
    (folder / FOLDER).symlink_to(ROOT / FOLDER)
    (folder / HOUSE).symlink_to(ROOT / HOUSE)
    (folder / LIST).symlink_to(ROOT / FOLDER / "applications.yaml")
    return folder
