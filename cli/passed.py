"""Remembers the linters and type checks that have passed on the same files, in any checkout of this user.

These need not run again. Tests always run, because they depend on more than on files.
"""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

from cli import cache, source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: The number of states of its files that are remembered for each step.
KEPT = 20


def digest(root: Path, inputs: Sequence[Path], command: Sequence[str]) -> str | None:
    """Return a digest of a command and the content of all files that it reads; None outside a Git checkout.

    Args:
        root: the checkout; its own path does not count.
        inputs: files and folders in it; files that Git ignores do not count.
        command: the argument list. It names the environment, whose path changes with each locked version.
    """
    try:
        names = source.files(*(str(path.relative_to(root)) for path in inputs), root=root)
    except subprocess.CalledProcessError:
        return None
    found = hashlib.sha256("\0".join(command).replace(str(root), ".").encode())
    for name in names:
        found.update(f"\0{name}\0{hashlib.sha256((root / name).read_bytes()).hexdigest()}".encode())
    return found.hexdigest()


def before(name: str, state: str | None) -> bool:
    """Return whether a step has passed in this state of its files."""
    return state is not None and state in _states(name)


def remember(name: str, state: str | None) -> None:
    """Record that a step has passed in this state of its files."""
    if state is not None:
        with cache.locked("passed"):
            states = [*(each for each in _states(name) if each != state), state][-KEPT:]
            _file(name).parent.mkdir(exist_ok=True)
            _file(name).write_text("\n".join(states) + "\n", encoding="ascii")


def _states(name: str) -> list[str]:
    try:
        return _file(name).read_text(encoding="ascii").split()
    except OSError:
        return []


def _file(name: str) -> Path:
    return cache.directory() / "passed" / name
