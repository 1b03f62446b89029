"""Renewal: a process whose tasks leak is replaced between two of them, before the kernel kills the container's.

- A child of the prefork pool looks after each task, and ends; the pool forks another. That is billiard's own way
  (``worker_max_memory_per_child``), and it looks at the most that the process has ever held.
- A main process looks at each message that comes, the health check's probe included. With a pool of threads it runs the
  tasks; the children of a prefork pool are copies of it. It takes nothing new, finishes what it runs, and starts anew
  *in the same container*: Swarm takes a container that ends, with status 0 too, for the failure of a release that it
  watches, and a deploy would be rolled back.

docs/adr/0025 has the reasons and what was tried.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from typing import Any

from billiard.pool import EX_RECYCLE
from celery import signals
from celery.platforms import EX_OK
from celery.worker import state

from landfast_runtime.memory import MIB, growth, resident

logger = logging.getLogger(__name__)

#: Stands where Celery names the signal that ends a worker.
CAUSE = "memory"


class Renewal:
    """Replaces the processes of this worker.

    Args:
        wanted: MiB that a process may grow by; 0: its share of the container's memory.
        children: how many processes run the tasks; 0: threads of this one do.
    """

    def __init__(self, wanted: int, children: int) -> None:
        self._wanted = wanted
        self._children = children
        self._limit = sys.maxsize
        self._due = False

    def connect(self) -> None:
        """Listen to Celery's signals."""
        signals.worker_init.connect(self.set_limits, weak=False)
        signals.task_received.connect(self.look, weak=False)
        signals.worker_shutting_down.connect(self.give_way, weak=False)
        signals.worker_shutdown.connect(self.start_anew, weak=False)
        signals.worker_process_shutdown.connect(report)

    def set_limits(self, sender: Any, **_: Any) -> None:  # noqa: ANN401 - Celery's worker, whose types are incomplete
        """Measure this process, which has loaded its tasks and has no children yet, and set the limits by that."""
        start, allowed = resident(), growth(self._wanted, self._children + 1)
        # A copy begins with all that this process holds: the children's limit must stay well above its own.
        self._limit = start + (allowed // 2 if self._children else allowed)
        sender.max_memory_per_child = (start + allowed) // 1024  # KiB

    def look(self, **_: Any) -> None:  # noqa: ANN401
        """Begin to end this process if it has grown too much."""
        if self._due or (held := resident()) <= self._limit:
            return
        self._due = True
        logger.warning(
            "the worker has grown too much: it ends its tasks and starts anew",
            extra={"megabytes": held // MIB, "limit": self._limit // MIB},
        )
        signals.worker_shutting_down.send(sender=__name__, sig=CAUSE, how="Warm", exitcode=EX_OK)
        state.should_stop = EX_OK  # type: ignore[assignment]  # types know of None alone

    def give_way(self, sig: str, **_: Any) -> None:  # noqa: ANN401
        """Start nothing anew if somebody stops the worker meanwhile."""
        if sig != CAUSE:
            self._limit, self._due = sys.maxsize, False

    def start_anew(self, sender: Any, **_: Any) -> None:  # noqa: ANN401
        """Have this process, whose tasks have ended, load the same command once more instead of its end."""
        if self._due and sender.exitcode == EX_OK:
            atexit.register(os.execv, sys.executable, sys.orig_argv)


def report(exitcode: int, **_: Any) -> None:  # noqa: ANN401
    """Log that this child ends for its size; billiard would say so to a log that nobody has set up."""
    if exitcode == EX_RECYCLE:
        logger.warning("a process of the worker has grown too much: another replaces it", extra={"pid": os.getpid()})
