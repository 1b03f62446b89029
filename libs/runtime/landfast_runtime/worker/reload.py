"""Restarts a worker when code is saved, on a laptop.

A thread of the worker watches the files. A separate process would hold 9 MiB beside each worker, a thread holds less
than one (measured).
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from celery import signals
from watchfiles import PythonFilter, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)
logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it would log each change as well


class Watcher:
    """Watches code for as long as the worker runs.

    Args:
        changed: is called in the watching thread, once, when a Python file has been saved.
        folders: where the files are; without them, all that ``PYTHONPATH`` names.
    """

    def __init__(self, changed: Callable[[], None], folders: Iterable[Path] | None = None) -> None:
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        self._changed = changed
        self._folders = [Path(path) for path in paths if path] if folders is None else list(folders)
        self._over = Event()
        self._thread = Thread(target=self._watch, name="reload", daemon=True)

    @property
    def is_watching(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def connect(self) -> None:
        """Watch from the worker's start, before it waits for its broker, to its end."""
        signals.worker_init.connect(self.start, weak=False)
        signals.worker_shutdown.connect(self.stop, weak=False)

    def start(self, **_: Any) -> None:  # noqa: ANN401 - Celery's signals pass what they like
        """Start the thread."""
        self._thread.start()

    def stop(self, **_: Any) -> None:  # noqa: ANN401
        """Wait for the thread's end: the interpreter must not end around a library that is not Python."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        for _ in watch(*self._folders, watch_filter=PythonFilter(), stop_event=self._over, raise_interrupt=False):
            logger.info("code was saved: the worker finishes its tasks and restarts")
            self._changed()
            return
