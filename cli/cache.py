"""The cache that this machine keeps between runs, for all checkouts of a user."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def directory() -> Path:
    """Return the cache's folder: ``$XDG_CACHE_HOME/landfast`` or ``~/.cache/landfast``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "landfast"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Run the block under a lock of this user's processes; wait if another process holds it.

    Args:
        name: the name of the lock.
    """
    directory().mkdir(parents=True, exist_ok=True)
    with (directory() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
