"""Renewal: a web server's process that leaks memory is replaced, before the kernel kills processes of the container.

The process accepts no more connections, answers its requests and exits; the server's master starts another. New
connections wait in the socket that all processes share, so no request fails. docs/adr/0035 has the reasons.
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

#: The least share of its limit that a process gets. The shares are random, or all processes would exit together.
SMALLEST_SHARE = 0.75


class Renewed:
    """A WSGI application that ends its process after too much growth.

    Args:
        application: the application, loaded.
        wanted: the limit of the process's growth in MiB; 0: its share of the container's memory.
        processes: the number of the server's processes, each of which loads the application by itself.
        ending: the signal at which the server's process finishes its requests and exits.
        beside: the bytes of the container that processes which are not the server's may take.
    """

    def __init__(
        self, application: WSGIApplication, wanted: int, processes: int, ending: signal.Signals, *, beside: int = 0
    ) -> None:
        self._application = application
        self._ending = ending
        share = random.uniform(SMALLEST_SHARE, 1)  # noqa: S311 - no secret
        self._limit = resident() + round(share * growth(wanted, processes, loaded=processes, beside=beside))
        self._due = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, and check the process's memory; the answer is sent in any case."""
        try:
            return self._application(environ, start_response)
        finally:
            self._look()

    def _look(self) -> None:
        if self._due or (held := resident()) <= self._limit:
            return
        self._due = True
        logger.warning(
            "this process has grown too much: it finishes its requests, and another replaces it",
            extra={"megabytes": held // MIB, "limit": self._limit // MIB},
        )
        os.kill(os.getpid(), self._ending)
