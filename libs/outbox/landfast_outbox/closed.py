"""Queues that the broker takes nothing for: there is no such queue, or it is full. They must not delay the others.

Each is left out of batches, and tried with one task now and then. It is open again when that goes through.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds until a queue is tried again: the first time, and at most; each time doubles it.
FIRST_WAIT, LONGEST_WAIT = 5.0, 60.0


@dataclass
class _Closed:
    until: float
    wait: float


class ClosedQueues:
    """The closed queues that one relay knows of.

    Args:
        clock: returns seconds, from any point in time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._closed: dict[str, _Closed] = {}

    @property
    def names(self) -> list[str]:
        """All that are closed."""
        return list(self._closed)

    @property
    def to_try(self) -> list[str]:
        """Those whose time has come to be tried."""
        now = self._clock()
        return [queue for queue, closed in self._closed.items() if closed.until <= now]

    def close(self, queue: str) -> bool:
        """Leave a queue out for a while, for longer if it was closed before; return whether it is closed newly."""
        now, known = self._clock(), self._closed.get(queue)
        if known is None:
            self._closed[queue] = _Closed(now + FIRST_WAIT, FIRST_WAIT)
            return True
        if known.until <= now:  # else it is one batch that says so more than once
            known.wait = min(known.wait * 2, LONGEST_WAIT)
            known.until = now + known.wait
        return False

    def open(self, queue: str) -> bool:
        """Publish to a queue again, and return whether it was closed."""
        return self._closed.pop(queue, None) is not None

    def clear(self) -> None:
        """Take it that all are open: the broker is another one, or was started anew."""
        self._closed.clear()
