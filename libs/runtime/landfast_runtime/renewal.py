"""Renewal: a process of a web server that has grown too much is replaced, before the kernel kills the container's.

The process takes no new connection, answers those that it has, and ends; the server's master starts another.
Connections that come meanwhile wait in the socket that all processes share, so no request fails. docs/adr/0025 has what
was tried.
"""

from __future__ import annotations

import logging
import os
import random
from typing import TYPE_CHECKING

from landfast_runtime.memory import MIB, growth, resident

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

#: The part of its growth that a process has at least: others have more, by chance, or all would end at the same time.
SMALLEST_SHARE = 0.75


class Renewed:
    """A WSGI application that ends its process once that has grown too much.

    Args:
        application: the application, loaded.
        wanted: MiB that the process may grow by; 0: its share of the container's memory.
        processes: how many processes of the server have loaded the application, each by itself.
        ending: the signal at which the server's process finishes its requests and ends.
    """

    def __init__(self, application: WSGIApplication, wanted: int, processes: int, ending: signal.Signals) -> None:
        self._application = application
        self._ending = ending
        share = random.uniform(SMALLEST_SHARE, 1)  # noqa: S311 - no secret
        self._limit = resident() + round(share * growth(wanted, processes, loaded=processes))
        self._due = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, and look at the memory that is held then; the answer is still sent in any case."""
        try:
            return self._application(environ, start_response)
        finally:
            self._look()

    def _look(self) -> None:
        if self._due or (held := resident()) <= self._limit:
            return
        self._due = True
        logger.warning(
            "this process has grown too much: it ends its requests, and another replaces it",
            extra={"megabytes": held // MIB, "limit": self._limit // MIB},
        )
        os.kill(os.getpid(), self._ending)
