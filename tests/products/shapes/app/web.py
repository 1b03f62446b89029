"""A page with the standard library alone, which runs on any Python 3: it says what it is and what it was given."""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

#: Seconds for a connection to a backing service.
PATIENCE = 10


class Page(BaseHTTPRequestHandler):
    """Answers each GET with a JSON document."""

    def do_GET(self) -> None:
        """Answer."""
        answer = {
            "python": platform.python_version(),
            "user": os.getuid(),
            "given": sorted(name for name in os.environ if name.endswith("_URL")),
            "reached": {name: reached(url) for name, url in os.environ.items() if name == "DATABASE_URL"},
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def reached(url: str) -> bool:
    """Return whether the host and the port of a URL accept connections."""
    place = urlsplit(url)
    try:
        with socket.create_connection((str(place.hostname), place.port or 0), PATIENCE):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Page).serve_forever()  # noqa: S104 - a container's own network
