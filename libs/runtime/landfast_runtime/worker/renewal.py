"""Renewal: a process whose tasks leak memory is replaced between two tasks, before the kernel kills processes.

- A child of the prefork pool checks its memory after each task, and exits; the pool forks another. That is billiard's
  own mechanism (``worker_max_memory_per_child``), which compares the process's peak memory.
- A main process checks its memory at each message, including the health check's probe. With a pool of threads it runs
  the tasks; the children of a prefork pool are copies of it. It takes no new task, finishes the running ones, and
  re-executes itself *in the same container*: during a rollout Swarm takes the end of a container, even with status 0,
  for a failure of the release, and would roll the deploy back. On a laptop it does the same when code is saved.

docs/adr/0025 has the reasons and the alternatives.
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

#: Takes the place of the signal that ends a worker in Celery's state.
CAUSE = "renewal"


class Renewal:
    """Replaces the processes of this worker.

    Args:
        wanted: the limit of a process's growth in MiB; 0: its share of the container's memory.
        children: the number of processes that run the tasks; 0: threads of this process run them.
    """

    def __init__(self, wanted: int, children: int) -> None:
        self._wanted = wanted
        self._children = children
        self._limit = sys.maxsize
        self._due = self._stopped = False

    def connect(self) -> None:
        """Connect to Celery's signals."""
        signals.worker_init.connect(self.set_limits, weak=False)
        signals.task_received.connect(self.look, weak=False)
        signals.worker_shutting_down.connect(self.give_way, weak=False)
        signals.worker_shutdown.connect(self.start_anew, weak=False)
        signals.worker_process_shutdown.connect(report)

    def set_limits(self, sender: Any, **_: Any) -> None:  # noqa: ANN401 - Celery's worker, whose types are incomplete
        """Set the limits from the memory of this process, which has loaded its tasks and has no children yet."""
        start, allowed = resident(), growth(self._wanted, self._children + 1)
        # A child begins with a copy of this process: the children's limit must stay well above this process's own.
        self._limit = start + (allowed // 2 if self._children else allowed)
        sender.max_memory_per_child = (start + allowed) // 1024  # KiB

    def look(self, **_: Any) -> None:  # noqa: ANN401
        """Begin the renewal of this process if it has grown too much."""
        if not self._due and (held := resident()) > self._limit:
            logger.warning(
                "the worker has grown too much: it finishes its tasks and restarts",
                extra={"megabytes": held // MIB, "limit": self._limit // MIB},
            )
            self.begin()

    def begin(self) -> None:
        """Begin the renewal of this process, between two tasks; without effect if the worker is being stopped."""
        if self._due or self._stopped:
            return
        self._due = True
        signals.worker_shutting_down.send(sender=__name__, sig=CAUSE, how="Warm", exitcode=EX_OK)
        state.should_stop = EX_OK  # type: ignore[assignment]  # typed as None

    def give_way(self, sig: str, **_: Any) -> None:  # noqa: ANN401
        """Cancel the renewal if the worker is stopped meanwhile."""
        if sig != CAUSE:
            self._limit, self._due, self._stopped = sys.maxsize, False, True

    def start_anew(self, sender: Any, **_: Any) -> None:  # noqa: ANN401
        """Re-execute the command of this process, whose tasks have ended, instead of an exit."""
        if self._due and sender.exitcode == EX_OK:
            atexit.register(os.execv, sys.executable, sys.orig_argv)


def report(exitcode: int, **_: Any) -> None:  # noqa: ANN401
    """Log that this child exits because of its size; billiard's own logger is not set up."""
    if exitcode == EX_RECYCLE:
        logger.warning("a process of the worker has grown too much: another replaces it", extra={"pid": os.getpid()})
