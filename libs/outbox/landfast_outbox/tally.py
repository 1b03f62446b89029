"""What a relay has done since it started, for its metrics."""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass, field


class Delays:
    """How long things took, in seconds, counted by size: what Prometheus calls a histogram."""

    #: The goals are 20 and 100 ms; whole minutes are for outages.
    BOUNDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

    def __init__(self) -> None:
        self.counts = [0] * (len(self.BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.BOUNDS, seconds)] += 1
        self.sum += seconds


@dataclass
class Tally:
    """What the relay has done since it started, for its metrics."""

    published: int = 0
    refused: int = 0
    republished: int = 0
    purged: int = 0
    failures: int = 0
    #: From when a task was due until the broker confirmed it.
    delays: Delays = field(default_factory=Delays)
    #: Set while the last attempt failed: what is wrong.
    problem: str = ""
    #: When it last got through its loop, by the monotonic clock: proof that it lives.
    turned: float = field(default_factory=time.monotonic)
