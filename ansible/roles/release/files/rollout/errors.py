"""What can go wrong with a release."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class RolloutError(Exception):
    """A release cannot go on.

    Args:
        reason: one sentence.
        lines: the log lines that matter.
    """

    reason: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return reason and lines."""
        return "\n  ".join((self.reason, *self.lines))


class BusyError(RolloutError):
    """Another deploy is at work."""
