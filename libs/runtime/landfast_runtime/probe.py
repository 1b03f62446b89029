"""A container's own health check: ``python -m landfast_runtime.probe URL`` exits 0 if URL answers 2xx.

URLs are ``http://host:port/path`` or ``uwsgi://host:port/path``. While a stack starts, each container is checked every
second, on the processors that the start needs: so this module imports next to nothing. (The standard library's HTTP
client would double its cost; ``python3 -X importtime`` shows that.)
"""

from __future__ import annotations

import sys

from landfast_runtime import wire

#: Seconds that the server may take to answer, a little less than Docker waits. A server under load is late but not
#: dead, and a server whose workers are still starting answers as soon as they can.
TIMEOUT = 8.0

REQUESTS = {"http": wire.http_get, "uwsgi": wire.uwsgi_get}


def main(url: str) -> int:
    """Check ``url`` once, print the problem for Docker's health log, and return the exit status."""
    scheme, _, rest = url.partition("://")
    address, slash, path = rest.partition("/")
    host, _, port = address.partition(":")
    page = slash + path
    try:
        status_line = wire.status_line(host, int(port), REQUESTS[scheme](host, int(port), page), TIMEOUT)
    except OSError as error:
        print(f"{url}: {error}")
        return 1
    if wire.succeeded(status_line):
        return 0
    print(f"{page} answered {status_line or 'nothing'!r}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
