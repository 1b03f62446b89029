"""The errors of a rollout."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

#: Lines of a traceback in a report.
TRACEBACK_LINES = 15


@dataclass
class RolloutError(Exception):
    """A command of the rollout program failed.

    Args:
        reason: one sentence.
        lines: the relevant log lines.
    """

    reason: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return reason and lines."""
        return "\n  ".join((self.reason, *self.lines))


class TransientError(RolloutError):
    """Docker could not answer; a retry may succeed."""


class BusyError(RolloutError):
    """Another deploy is at work."""


def explained(error: BaseException) -> RolloutError:
    """Return ``error`` as a RolloutError: a bug of the program with its traceback."""
    if isinstance(error, RolloutError):
        return error
    lines = "".join(traceback.format_exception(error)).splitlines()[-TRACEBACK_LINES:]
    return RolloutError(f"the rollout program failed: {type(error).__name__}: {error}", tuple(lines))
