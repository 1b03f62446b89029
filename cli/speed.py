"""Measures the speed of this machine, once per run: the deadlines of tests grow with its slowness."""

from __future__ import annotations

import os
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache

#: The variable that passes the factor to the programs of a run; a user may set it.
VARIABLE = "TEST_SLOWNESS"

#: Blocks per second that the reference machine compresses on both of its idle processors: ``python3 -m cli.speed``. The
#: deadlines were chosen on that machine in November 2026.
REFERENCE = 2600.0

#: Seconds that the measurement takes; a limit on processors shows within a tenth of that.
SPAN = 1.0

BLOCK = bytes(range(256)) * 1024


@cache
def slowness() -> float:
    """Return how many times slower than the reference machine this one is, never less than 1.

    Raises:
        ValueError: ``TEST_SLOWNESS`` is set and is not a number of 1 or more.
    """
    given = os.environ.get(VARIABLE)
    if not given:
        return max(1.0, round(REFERENCE / blocks_a_second(), 1))
    try:
        factor = float(given)
    except ValueError:
        factor = 0.0
    if not 1 <= factor < float("inf"):
        raise ValueError(f"{VARIABLE} is {given!r}, wanted a number of 1 or more")
    return factor


def blocks_a_second() -> float:
    """Return how many blocks per second all processors together compress."""

    def rate() -> float:
        began, count = time.monotonic(), 0
        while not count or time.monotonic() - began < SPAN:  # at least one block, for a thread that starts too late
            zlib.compress(BLOCK)  # releases the interpreter lock for the other threads
            count += 1
        return count / (time.monotonic() - began)

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        return sum(future.result() for future in [pool.submit(rate) for _ in range(workers)])


if __name__ == "__main__":
    print(f"{blocks_a_second():.0f} blocks a second")
