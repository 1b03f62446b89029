"""Low priority for reports: requests go first.

However many reports a worker runs, only one of them works at any moment, and after each part of its dataset it pauses
for as long as the part took: including PostgreSQL's share, reports never take more than one core, and leave it free for
half of the time. A process that waits for its turn costs nothing.

In addition, the working thread is in the kernel's idle scheduling class, which yields the core to any other thread. To
enter the class needs no privilege, but to leave it does: so the work has a thread of its own, which ends with it.
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

#: The process with the lock of this file works. /tmp is the container's own tmpfs; the lock ends with its process.
TURN = Path("/tmp/report-turn")  # noqa: S108

#: The shortest pause in seconds.
SHORTEST_PAUSE = 0.001


def in_background[Result](work: Callable[[], Result]) -> Result:
    """Run ``work`` in the idle class; return its result or raise its exception."""
    with ThreadPoolExecutor(1, thread_name_prefix="report", initializer=_step_aside) as pool:
        return pool.submit(work).result()


@contextmanager
def turn() -> Iterator[None]:
    """Wait for this process's turn, do one part of the work in the block, then pause."""
    with TURN.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        started = time.monotonic()
        yield
        time.sleep(max(SHORTEST_PAUSE, time.monotonic() - started))


def _step_aside() -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError as error:  # a kernel or a sandbox without it: the report is correct all the same
        logger.warning("reports run at normal priority", extra={"problem": str(error)})
