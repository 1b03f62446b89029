"""What can go wrong with a release."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

#: Lines of a traceback that are told.
TRACEBACK_LINES = 15


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


class TransientError(RolloutError):
    """Docker could not answer now; it may when it is asked again."""


class BusyError(RolloutError):
    """Another deploy is at work."""


def explained(error: BaseException) -> RolloutError:
    """Return ``error`` as one that can be told: a fault of the program with its place."""
    if isinstance(error, RolloutError):
        return error
    lines = "".join(traceback.format_exception(error)).splitlines()[-TRACEBACK_LINES:]
    return RolloutError(f"the rollout program failed: {type(error).__name__}: {error}", tuple(lines))
