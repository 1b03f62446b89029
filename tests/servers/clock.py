"""A clock for waits without any waiting."""

from __future__ import annotations


class Clock:
    """A clock in place of the module ``time``, which only moves when the tested program sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the clock's seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.now += seconds
