"""The world outside: writes a line for each request, and answers once it is on the disk.

A line is ``SECONDS RUN ENTRY TASK``; the task's id came as the idempotency key, which a real service would look at.
"""

from __future__ import annotations

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LINES = Path("/var/lib/recorder/lines")

_file = LINES.open("a", encoding="ascii")
_lock = threading.Lock()


class Recorder(BaseHTTPRequestHandler):
    """Takes POST requests."""

    def do_POST(self) -> None:
        """Write the line, unless who says it died before it was out."""
        length = int(self.headers["Content-Length"])
        said = self.rfile.read(length)
        if len(said) < length:
            return
        with _lock:
            _file.write(f"{time.time():.6f} {said.decode('ascii')} {self.headers['Idempotency-Key']}\n")
            _file.flush()
            os.fsync(_file.fileno())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep still."""


class Server(ThreadingHTTPServer):
    """One that many may knock at together."""

    request_queue_size = 128


if __name__ == "__main__":
    Server(("0.0.0.0", 8000), Recorder).serve_forever()  # noqa: S104 - the containers' network alone
