"""A container's own health check: ``python -m landfast_runtime.probe URL`` exits 0 when URL answers 2xx.

Knows ``http://host:port/path`` and ``uwsgi://host:port/path``.
"""

from __future__ import annotations

import http.client
import sys
from contextlib import closing
from urllib.parse import urlsplit

from landfast_runtime import health


def http_get(host: str, port: int, path: str) -> health.Check:
    """Return a check that wants a 2xx answer to ``GET path``."""

    def check() -> None:
        with closing(http.client.HTTPConnection(host, port, timeout=health.CHECK_TIMEOUT)) as connection:
            connection.request("GET", path)
            status = connection.getresponse().status
        if status // 100 != 2:  # noqa: PLR2004 - the class of success codes
            raise health.Unavailable(f"{path} answered {status}")

    return check


def main(url: str) -> int:
    """Check ``url`` once; print the problem, which Docker keeps in the health log, and return the exit status."""
    parts = urlsplit(url)
    factory = {"http": http_get, "uwsgi": health.uwsgi}[parts.scheme]
    report = health.run({url: factory(parts.hostname or "localhost", parts.port or 80, parts.path or "/")})
    if not report.ready:
        print(report.results[url].problem)
    return 0 if report.ready else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
