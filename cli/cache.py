"""What this machine keeps between runs, for all checkouts of a user."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def directory() -> Path:
    """Return where it is kept: ``$XDG_CACHE_HOME/landfast`` or ``~/.cache/landfast``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "landfast"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Do the block while no other process of this user's is in one of the same name; wait for it if there is one.

    Args:
        name: what must not be done twice at the same time.
    """
    directory().mkdir(parents=True, exist_ok=True)
    with (directory() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
