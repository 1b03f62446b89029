"""Queues that the broker accepts nothing for, because they are missing or full. They must not delay other queues.

A closed queue is left out of batches, and tried with one task from time to time. It is open again when a task succeeds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds until a queue is tried again: the first time, and at most; doubled each time.
FIRST_WAIT, LONGEST_WAIT = 5.0, 60.0


@dataclass
class _Closed:
    until: float
    wait: float


class ClosedQueues:
    """The closed queues of one relay.

    Args:
        clock: returns seconds since any point in time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._closed: dict[str, _Closed] = {}

    @property
    def names(self) -> list[str]:
        """All closed queues."""
        return list(self._closed)

    @property
    def to_try(self) -> list[str]:
        """The closed queues that are to be tried now."""
        now = self._clock()
        return [queue for queue, closed in self._closed.items() if closed.until <= now]

    def close(self, queue: str) -> bool:
        """Leave a queue out for a while, longer if it was closed before; return whether it was open until now."""
        now, known = self._clock(), self._closed.get(queue)
        if known is None:
            self._closed[queue] = _Closed(now + FIRST_WAIT, FIRST_WAIT)
            return True
        if known.until <= now:  # otherwise one batch reports the queue more than once
            known.wait = min(known.wait * 2, LONGEST_WAIT)
            known.until = now + known.wait
        return False

    def open(self, queue: str) -> bool:
        """Publish to a queue again, and return whether it was closed."""
        return self._closed.pop(queue, None) is not None

    def clear(self) -> None:
        """Assume that all queues are open: the broker is another one, or was restarted."""
        self._closed.clear()
