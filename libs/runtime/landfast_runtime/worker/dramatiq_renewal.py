"""Renewal of Dramatiq's worker; the reasons are in :mod:`landfast_runtime.worker.renewal`."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
from threading import Lock
from typing import TYPE_CHECKING

from dramatiq.middleware import Middleware

from landfast_runtime.memory import MIB, growth, resident

if TYPE_CHECKING:
    from dramatiq import Worker
    from dramatiq.broker import Broker, MessageProxy
    from dramatiq.worker import WorkerThread

logger = logging.getLogger(__name__)


class RenewingMiddleware(Middleware):
    """Restarts the worker once it has grown too much, by a SIGHUP to its main process.

    Its threads take no new task from then on, because the signal may take a second to reach them.

    Args:
        wanted: the limit of its growth in MiB; 0: the container's remaining memory.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._limit = sys.maxsize
        self._threads: list[WorkerThread] = []
        self._due = Lock()  # held from then on: a second signal would interrupt the running tasks

    def after_worker_boot(self, _broker: Broker, worker: Worker) -> None:
        """Set the limit from this process's memory when it has loaded the application."""
        self._threads = worker.workers
        self._limit = resident() + growth(self._wanted, 1)

    def after_process_message(
        self,
        _broker: Broker,
        _message: MessageProxy,
        *,
        result: object = None,  # noqa: ARG002 - Dramatiq's own signature
        exception: BaseException | None = None,  # noqa: ARG002
    ) -> None:
        """Check this process's memory."""
        held, main = resident(), multiprocessing.parent_process()
        if held > self._limit and main is not None and main.pid and self._due.acquire(blocking=False):
            logger.warning(
                "the worker has grown too much: it finishes its tasks and restarts",
                extra={"megabytes": held // MIB, "limit": self._limit // MIB},
            )
            for thread in self._threads:
                thread.pause()
            os.kill(main.pid, signal.SIGHUP)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """Check after a task that was put off, too."""
        self.after_process_message(broker, message)
