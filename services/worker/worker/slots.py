"""Which of a worker's processes run a task right now, for its health check: a full worker is a healthy one.

A process that runs a task keeps a file named after its process id; it is gone when the task ends, and counts for
nothing once the process is gone.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

DIRECTORY = Path("/tmp/worker-slots")  # noqa: S108 - the container's own tmpfs


def clear() -> None:
    """Forget what an earlier worker in this container left."""
    DIRECTORY.mkdir(exist_ok=True)
    for path in DIRECTORY.iterdir():
        path.unlink(missing_ok=True)


def occupy(task: Any, **_: Any) -> None:  # noqa: ANN401 - Celery's signals carry no types
    """Note that this process starts a task."""
    if not task.internal:
        (DIRECTORY / str(os.getpid())).touch()


def release(task: Any, **_: Any) -> None:  # noqa: ANN401
    """Note that this process has ended its task."""
    if not task.internal:
        (DIRECTORY / str(os.getpid())).unlink(missing_ok=True)


def busy(longest: float) -> int:
    """Return how many living processes have run a task for less than ``longest`` seconds."""
    now = time.time()
    return sum(
        1 for path in DIRECTORY.glob("*") if Path("/proc", path.name).exists() and now - path.stat().st_mtime < longest
    )
