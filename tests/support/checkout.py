"""Copies of this checkout."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from cli import source
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def copy_checkout(target: Path, *patterns: str) -> None:
    """Copy the files that are or would be committed: no caches, no settings of this machine.

    Args:
        target: the new checkout.
        patterns: patterns of Git, for a part of the files.
    """
    for name in source.files(*patterns):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
