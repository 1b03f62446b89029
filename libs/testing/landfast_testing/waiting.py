"""Waiting for something to become true, with a deadline that grows with the machine's slowness."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many times slower than the reference machine this one is; ``./stack test`` measures it (cli/speed.py). A machine
#: that is at work on several suites may take three times as long as an idle one.
PATIENCE = 3 * float(os.environ.get("TEST_SLOWNESS") or 1)

#: Seconds after which whatever takes moments hangs.
DEADLINE = 10 * PATIENCE

#: Seconds between two looks.
INTERVAL = 0.01


def wait_until(condition: Callable[[], object], otherwise: str, seconds: float = DEADLINE) -> None:
    """Call ``condition`` until it returns something true.

    Args:
        condition: what to look at.
        otherwise: what was waited for in vain.
        seconds: when to give up.

    Raises:
        AssertionError: the deadline passed.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain: {otherwise}")
        time.sleep(INTERVAL)
