"""Which of a worker's processes or threads run a task right now, for its health check: a full worker is a healthy one.

Each has a file named after its thread's id, which is a process' own for its first thread, and writes there whether it
runs a task, at each start and each end: so the file's time says since when. It counts for nothing once the thread is
gone. The file stays open, for that is done for every task.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from io import FileIO

DIRECTORY = Path("/tmp/worker-slots")  # noqa: S108 - the container's own tmpfs

BUSY, IDLE = b"1", b"0"

#: The files of this process's threads, by their ids.
_own: dict[int, FileIO] = {}


def clear() -> None:
    """Forget what an earlier worker in this container left."""
    while _own:
        _own.popitem()[1].close()
    DIRECTORY.mkdir(exist_ok=True)
    for path in DIRECTORY.iterdir():
        path.unlink(missing_ok=True)


def occupy(task: Any, **_: Any) -> None:  # noqa: ANN401 - Celery's signals carry no types
    """Note that this thread starts a task."""
    if not task.internal:
        _write(BUSY)


def release(task: Any, **_: Any) -> None:  # noqa: ANN401
    """Note that this thread has ended its task."""
    if not task.internal:
        _write(IDLE)


def leave(**_: Any) -> None:  # noqa: ANN401
    """Remove this process's files, for it ends: thousands of processes may follow each other in a container."""
    while _own:
        thread, file = _own.popitem()
        file.close()
        (DIRECTORY / str(thread)).unlink(missing_ok=True)


def _write(state: bytes) -> None:
    thread = threading.get_native_id()
    if thread not in _own:
        _own[thread] = (DIRECTORY / str(thread)).open("wb", buffering=0)
    os.pwrite(_own[thread].fileno(), state, 0)


def busy(longest: float) -> int:
    """Return how many living processes or threads have run a task for less than ``longest`` seconds."""
    now = time.time()
    return sum(
        1
        for path in DIRECTORY.glob("*")
        if path.read_bytes() == BUSY and Path("/proc", path.name).exists() and now - path.stat().st_mtime < longest
    )
