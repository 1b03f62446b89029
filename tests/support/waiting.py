"""Waiting for something to become true, with a deadline and a message that says what never came."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from cli.speed import slowness

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")

#: Seconds between two looks.
INTERVAL = 0.1

#: How many times slower than the reference machine this one is; measured once a run.
SLOWNESS = slowness()

#: A deadline is there to end what hangs. A machine at work on several suites, or with other work, may take so many
#: times as long as an idle one of its kind.
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
        condition: what to look at; it should be quick and must not change anything.
        timeout: seconds after which to give up on an idle reference machine, see :data:`PATIENCE`.
        describe: what was waited for; a callable may look once more to tell how things stand.
        interval: seconds between two looks.
        patience: how often the timeout is waited for; less where it is a promise, or limits a load.

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
