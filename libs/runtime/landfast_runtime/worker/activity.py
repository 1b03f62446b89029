"""The worker's processes or threads that run a task right now, for its health check: a busy worker is healthy.

Each thread has a file named after its id (for a process's first thread, the process id), and writes there at each start
and each end of a task whether it runs one: the file's time is the time of the change. The file no longer counts once
the thread is gone. It stays open, because it is written for every task.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from io import FileIO

DIRECTORY = Path("/tmp/worker-activity")  # noqa: S108 - the container's own tmpfs

BUSY, IDLE = b"1", b"0"

#: The files of this process's threads, by their ids.
_own: dict[int, FileIO] = {}


def clear() -> None:
    """Remove the files of an earlier worker in this container."""
    while _own:
        _own.popitem()[1].close()
    DIRECTORY.mkdir(exist_ok=True)
    for path in DIRECTORY.iterdir():
        path.unlink(missing_ok=True)


def occupy(task: Any, **_: Any) -> None:  # noqa: ANN401 - Celery's signals carry no types
    """Record that this thread starts a task."""
    if not task.internal:
        _write(BUSY)


def release(task: Any, **_: Any) -> None:  # noqa: ANN401
    """Record that this thread has ended its task."""
    if not task.internal:
        _write(IDLE)


def leave(**_: Any) -> None:  # noqa: ANN401
    """Remove this process's files at its end: thousands of processes may follow each other in a container."""
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
    """Return the number of living processes or threads that have run a task for less than ``longest`` seconds."""
    now = time.time()
    return sum(
        1
        for path in DIRECTORY.glob("*")
        if path.read_bytes() == BUSY and Path("/proc", path.name).exists() and now - path.stat().st_mtime < longest
    )
