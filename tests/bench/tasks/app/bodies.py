"""What the tasks of the comparison do, and how their ends are counted: a byte in a file for each."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from celery import signals

#: On a volume that callers and workers share.
DONE = Path("/var/lib/bench/done")
LATENCIES = Path("/var/lib/bench/latencies")


def nothing() -> None:
    """Do nothing."""


def ten_milliseconds() -> None:
    """Wait as long as a quick query or a small mail takes."""
    time.sleep(0.01)


def note_latency(sent: float) -> None:
    """Note how long ago, in seconds, the task was sent."""
    append(LATENCIES, f"{time.time() - sent:.6f}\n".encode())


def append(path: Path, line: bytes) -> None:
    """Append to a file that others append to as well."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


@signals.task_postrun.connect
def count(task: Any, **_: Any) -> None:  # noqa: ANN401 - Celery's signals carry no types
    """Count a task of the comparison that has ended."""
    if task.name.startswith("bench."):
        append(DONE, b".")
