"""Which of a worker's processes run a task right now, for its health check: a full worker is a healthy one.

A process has a file named after its process id, and writes there whether it runs a task, at each start and each end: so
the file's time says since when. It counts for nothing once the process is gone. The file stays open, for that is done
for every task.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from io import FileIO

DIRECTORY = Path("/tmp/worker-slots")  # noqa: S108 - the container's own tmpfs

BUSY, IDLE = b"1", b"0"

#: This process's file, by its process id.
_own: dict[int, FileIO] = {}


def clear() -> None:
    """Forget what an earlier worker in this container left."""
    _own.clear()
    DIRECTORY.mkdir(exist_ok=True)
    for path in DIRECTORY.iterdir():
        path.unlink(missing_ok=True)


def occupy(task: Any, **_: Any) -> None:  # noqa: ANN401 - Celery's signals carry no types
    """Note that this process starts a task."""
    if not task.internal:
        _write(BUSY)


def release(task: Any, **_: Any) -> None:  # noqa: ANN401
    """Note that this process has ended its task."""
    if not task.internal:
        _write(IDLE)


def _write(state: bytes) -> None:
    pid = os.getpid()
    if pid not in _own:
        _own.clear()  # a parent's, from before the fork
        _own[pid] = (DIRECTORY / str(pid)).open("wb", buffering=0)
    os.pwrite(_own[pid].fileno(), state, 0)


def busy(longest: float) -> int:
    """Return how many living processes have run a task for less than ``longest`` seconds."""
    now = time.time()
    return sum(
        1
        for path in DIRECTORY.glob("*")
        if path.read_bytes() == BUSY and Path("/proc", path.name).exists() and now - path.stat().st_mtime < longest
    )
