"""Letting others go first: a report has all the time in the world, a request has not.

The kernel's idle class yields a core at once to whoever wakes up, also in another container, where a nice value counts
among a container's own processes only. Entering it needs no privilege, but leaving it does: so the work gets a thread
of its own, which ends with it.
"""

from __future__ import annotations

import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

#: Seconds to pause after each part: the database, whose processes know no idle class, gets a breath as well.
PAUSE = 0.002


def in_background[Result](work: Callable[[], Result]) -> Result:
    """Run ``work`` in the idle class and return or raise what it does."""
    with ThreadPoolExecutor(1, thread_name_prefix="report", initializer=_step_aside) as pool:
        return pool.submit(work).result()


def rest() -> None:
    """Pause for a moment between two parts."""
    time.sleep(PAUSE)


def _step_aside() -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError as error:  # a kernel or a sandbox without it: the report is right all the same
        logger.warning("reports run at the common priority", extra={"problem": str(error)})
