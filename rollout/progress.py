"""Reports how a long wait goes on, so that an operator sees that the rollout lives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds between two reports.
INTERVAL = 10.0


class Progress:
    """The reports about one wait, which begins now.

    Args:
        report: reports progress.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        """Keep the time."""
        self.report = report
        self.began = self.reported = time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since the wait began."""
        return time.monotonic() - self.began

    def tell(self, text: str) -> None:
        """Report ``text`` and the time, if the last report was long ago."""
        if time.monotonic() - self.reported >= INTERVAL:
            self.reported = time.monotonic()
            self.report(f"{text} after {self.seconds:.0f} s")
