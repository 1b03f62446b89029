"""What the tasks do, whichever framework runs them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from secrets import token_hex

from landfast_runtime.memory import MIB, resident

#: A volume that outlives a worker.
MARKS = Path("/var/lib/lengthy")

#: What each run leaves in memory, for good.
LEAK = 10 * MIB

_leaked: list[bytes] = []

#: Another one after each start, which may leave a process its id.
_start = token_hex(4)


def linger(mark: str, seconds: float) -> str:
    """Work for long, unless an earlier run has begun to: then say so at once."""
    begun = MARKS / mark
    if begun.exists():
        return "again"
    begun.touch()
    time.sleep(seconds)
    return "at once"


def leak(mark: str, number: int) -> None:
    """Leave 10 MiB in memory, and a line: the task's number, the process that ran it, and its size in MiB."""
    _leaked.append(b"x" * LEAK)
    with (MARKS / mark).open("a", encoding="ascii") as lines:
        lines.write(f"{number} {_start}.{os.getpid()} {resident() // MIB}\n")
