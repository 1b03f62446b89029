"""Beat's health check: beat can hang while its process lives, so its ticks count.

``python -m landfast_runtime.worker.beat`` exits 0 while the last tick is recent.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

#: Touched by every tick (:mod:`landfast_runtime.worker.scheduler`). /tmp is the container's own tmpfs.
MARK = Path("/tmp/beat-ticked")  # noqa: S108

#: Seconds without a tick after which beat counts as hung; it ticks every ``beat_max_loop_interval`` (5 s) or sooner.
STALE = 30.0


def main() -> int:
    """Check once, print the result, and return the exit status."""
    try:
        age = time.time() - MARK.stat().st_mtime
    except FileNotFoundError:
        print("beat has not ticked yet")
        return 1
    if age > STALE:
        print(f"beat last ticked {age:.0f} s ago")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
