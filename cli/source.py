"""Lists the files of a checkout: those that are or would be committed, from Git."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from cli.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def files(*patterns: str, root: Path = ROOT) -> list[str]:
    """Return the names of the existing files from the root, including new ones, without ignored ones.

    Args:
        patterns: patterns of Git, or paths of files and folders; all files without any.
        root: the checkout.

    Raises:
        subprocess.CalledProcessError: the folder is not a Git checkout.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", *patterns]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in listed.split("\0") if name and (root / name).is_file())
