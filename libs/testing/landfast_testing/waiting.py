"""Waiting for something to become true, with a deadline that grows with the machine's slowness."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: This machine's slowness as a multiple of the reference machine's; ``./stack test`` measures it (cli/speed.py). A
#: machine that runs several suites may take three times as long as an idle one.
PATIENCE = 3 * float(os.environ.get("TEST_SLOWNESS") or 1)

#: Seconds after which an operation that should take moments counts as hung.
DEADLINE = 10 * PATIENCE

#: Seconds between two checks.
INTERVAL = 0.01


def wait_until(condition: Callable[[], object], otherwise: str, seconds: float = DEADLINE) -> None:
    """Call ``condition`` until it returns something true.

    Args:
        condition: returns the value.
        otherwise: the description of the condition, for the error.
        seconds: the deadline.

    Raises:
        AssertionError: the deadline passed.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain: {otherwise}")
        time.sleep(INTERVAL)
