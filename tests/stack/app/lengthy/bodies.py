"""What the tasks do, whichever framework runs them."""

from __future__ import annotations

import time
from pathlib import Path

#: A volume that outlives a worker.
MARKS = Path("/var/lib/media")


def linger(mark: str, seconds: float) -> str:
    """Work for long, unless an earlier run has begun to: then say so at once."""
    begun = MARKS / mark
    if begun.exists():
        return "again"
    begun.touch()
    time.sleep(seconds)
    return "at once"
