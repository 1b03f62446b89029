"""A container's own health check: ``python -m landfast_runtime.probe URL`` exits 0 when URL answers 2xx.

Knows ``http://host:port/path`` and ``uwsgi://host:port/path``. While a stack starts, each of its containers is asked
every second on the processors that do the starting: so this imports next to nothing. (The standard library's HTTP
client would double what it takes; ``python3 -X importtime`` shows it.)
"""

from __future__ import annotations

import sys

from landfast_runtime import wire

#: Seconds that the server may take to answer, a little less than Docker waits. One under load is late but not dead, and
#: one whose workers are still starting answers as soon as they can.
TIMEOUT = 8.0

REQUESTS = {"http": wire.http_get, "uwsgi": wire.uwsgi_get}


def main(url: str) -> int:
    """Check ``url`` once; print the problem, which Docker keeps in the health log, and return the exit status."""
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
