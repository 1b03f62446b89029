"""The standard library's WSGI server, with threads and a graceful stop.

Usage: ``python -m landfast_runtime.servers.reference APPLICATION PORT THREADS``
"""

from __future__ import annotations

import signal
import sys
from socketserver import ThreadingMixIn
from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from landfast_runtime.servers.commands import BACKLOG, LONGEST
from landfast_runtime.servers.loading import load

if TYPE_CHECKING:
    from types import FrameType


class Handler(WSGIRequestHandler):
    """Reads one request of a connection; Nginx logs it."""

    timeout = LONGEST  # seconds of silence

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Log nothing."""


class Server(ThreadingMixIn, WSGIServer):
    """A server with a limited number of threads; its end waits for them.

    Args:
        port: where it listens.
        threads: how many requests it answers at once.
    """

    request_queue_size = BACKLOG

    def __init__(self, port: int, threads: int) -> None:
        super().__init__(("0.0.0.0", port), Handler)  # noqa: S104 - the container's networks
        self._free = BoundedSemaphore(threads)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as typed there
        """Answer in a thread, once one is free."""
        self._free.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """Answer, and free the thread's place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


def main(application: str, port: str, threads: str) -> None:
    """Serve until SIGTERM or SIGINT, then finish the running requests."""
    with Server(int(port), int(threads)) as server:
        server.set_app(load(application))

        def stop(_number: int, _frame: FrameType | None) -> None:
            Thread(target=server.shutdown).start()  # it waits for the loop, which this very thread runs

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
