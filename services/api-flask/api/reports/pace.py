"""Letting others go first: a report has all the time in the world, a request has not.

However many reports a worker runs, only one of them works at any moment, and it pauses after each part of its dataset
for as long as that took, however little: with PostgreSQL's share included, reports never take more than one core, and
others find it free half of the time. A process that waits its turn costs nothing.

On top, the thread that works is in the kernel's idle class, which yields a core to whoever wakes up. Entering it needs
no privilege, but leaving it does: so the work gets a thread of its own, which ends with it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

#: Whoever has locked this file works. /tmp is the container's own tmpfs; the lock goes with its process.
TURN = Path("/tmp/report-turn")  # noqa: S108

#: Seconds of a pause at least.
SHORTEST_PAUSE = 0.001


def in_background[Result](work: Callable[[], Result]) -> Result:
    """Run ``work`` in the idle class and return or raise what it does."""
    with ThreadPoolExecutor(1, thread_name_prefix="report", initializer=_step_aside) as pool:
        return pool.submit(work).result()


@contextmanager
def turn() -> Iterator[None]:
    """Do one part of the work, when it is this process's turn; then pause."""
    with TURN.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        started = time.monotonic()
        yield
        time.sleep(max(SHORTEST_PAUSE, time.monotonic() - started))


def _step_aside() -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError as error:  # a kernel or a sandbox without it: the report is right all the same
        logger.warning("reports run at the common priority", extra={"problem": str(error)})
