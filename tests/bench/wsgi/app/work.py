"""The work of a web application without a framework, so that the server's own cost shows: see ``tests/bench/wsgi``."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    import psycopg

#: Rows of the table that requests read.
ROWS = 10_000
QUERIES = 20
#: Seconds that a request waits for another service.
WAIT = 0.2
READ = "SELECT number FROM world WHERE id = %s"

_local = threading.local()


def connection() -> psycopg.Connection:
    """Return this thread's connection to PostgreSQL."""
    import psycopg  # noqa: PLC0415 - most requests need none

    if not hasattr(_local, "connection"):
        _local.connection = psycopg.connect(os.environ["BENCH_DATABASE"], autocommit=True)
    found: psycopg.Connection = _local.connection
    return found


def rows(number: int) -> bytes:
    """Return random rows as JSON, each with a query of its own."""
    found = []
    for _ in range(number):
        key = random.randint(1, ROWS)  # noqa: S311 - no secret
        row = connection().execute(READ, [key]).fetchone()
        found.append({"id": key, "number": row[0] if row else None})
    return json.dumps(found).encode()


def upload(environ: WSGIEnvironment) -> bytes:
    """Read the body in pieces, and return its size."""
    left = size = int(environ.get("CONTENT_LENGTH") or 0)
    while left:
        piece = environ["wsgi.input"].read(min(left, 65536))
        if not piece:
            break
        left -= len(piece)
    return str(size - left).encode()


def wait(_environ: WSGIEnvironment) -> bytes:
    """Wait as for another service."""
    time.sleep(WAIT)
    return b"waited"


WORK: dict[str, Callable[[WSGIEnvironment], bytes]] = {
    "/healthz": lambda _: b"ok",
    "/hello": lambda _: b"Hello, world!",
    "/json": lambda _: json.dumps({"message": "Hello, world!"}).encode(),
    "/read": lambda _: rows(1),
    "/queries": lambda _: rows(QUERIES),
    "/upload": upload,
    "/wait": wait,
}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request."""
    work = WORK.get(environ["PATH_INFO"])
    body = work(environ) if work else b"no such page"
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    if identity := environ.get("HTTP_X_REQUEST_ID"):
        headers.append(("X-Request-ID", identity))
    start_response("200 OK" if work else "404 Not Found", headers)
    return [body]
