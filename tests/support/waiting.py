"""Waits for a condition, with a deadline and a message that names the missing condition."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from cli.speed import slowness

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")

#: Seconds between two checks.
INTERVAL = 0.1

#: How many times slower than the reference machine this one is; measured once per run.
SLOWNESS = slowness()

#: A deadline exists to end a hanging test. A machine with several suites or other work may take so many times as long
#: as an idle one of its kind.
PATIENCE = 3 * SLOWNESS


def wait_until(
    condition: Callable[[], Found | None],
    timeout: float,
    describe: str | Callable[[], str],
    interval: float = INTERVAL,
    patience: float = PATIENCE,
) -> Found:
    """Call ``condition`` until it returns something true, and return that.

    Args:
        condition: the check; it should be quick and must not change anything.
        timeout: seconds after which to give up on an idle reference machine, see :data:`PATIENCE`.
        describe: the awaited condition, for the message; a callable may read the current state.
        interval: seconds between two checks.
        patience: the factor on the timeout; smaller if the timeout is itself a promise, or limits a load.

    Raises:
        AssertionError: the deadline passed.
    """
    longest = patience * timeout
    deadline = time.monotonic() + longest
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            what = describe if isinstance(describe, str) else describe()
            raise AssertionError(f"waited {longest:g} s in vain: {what}")
        time.sleep(interval)
