"""Renewal of Dramatiq's worker; :mod:`landfast_runtime.worker.renewal` says why."""

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
    """Has the worker start anew once it has grown too much: its main process does that when it gets SIGHUP.

    Its threads take nothing new from then on: the signal may take a second to reach them.

    Args:
        wanted: MiB that it may grow by; 0: what the container has left.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._limit = sys.maxsize
        self._threads: list[WorkerThread] = []
        self._due = Lock()  # held from then on: a second signal would break the running tasks off

    def after_worker_boot(self, _broker: Broker, worker: Worker) -> None:
        """Set the limit by what this process holds when it has loaded the application."""
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
        """Look how much this process holds."""
        held, main = resident(), multiprocessing.parent_process()
        if held > self._limit and main is not None and main.pid and self._due.acquire(blocking=False):
            logger.warning(
                "the worker has grown too much: it ends its tasks and starts anew",
                extra={"megabytes": held // MIB, "limit": self._limit // MIB},
            )
            for thread in self._threads:
                thread.pause()
            os.kill(main.pid, signal.SIGHUP)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """Look after a task that was put off, too."""
        self.after_process_message(broker, message)
