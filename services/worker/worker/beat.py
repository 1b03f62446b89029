"""Beat's scheduler and its health check: beat can hang while its process lives, so it is its ticks that count.

``python -m worker.beat`` exits 0 while the last tick is fresh.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from celery.beat import PersistentScheduler

#: Touched by every tick. /tmp is the container's own tmpfs.
MARK = Path("/tmp/beat-ticked")  # noqa: S108

#: Seconds without a tick after which beat counts as hung; it ticks every ``beat_max_loop_interval`` (5 s) or sooner.
STALE = 30.0


class TickingScheduler(PersistentScheduler):
    """The scheduler that keeps its state in a file, and marks every tick."""

    def tick(self, *args: Any, **kwargs: Any) -> float:  # noqa: ANN401 - Celery's own signature
        """Run what is due, leave the mark, and return the seconds until the next tick."""
        wait: float = super().tick(*args, **kwargs)
        MARK.touch()
        return wait


def main() -> int:
    """Check once; print what was found and return the exit status."""
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
