"""Print the whole report of all dependencies as JSON, for ``./stack doctor``: ``python -m console.report``.

A request from this container gets the reasons; the report in JSON is the same as an operator's at ``/readyz``.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

ADDRESS = "http://127.0.0.1:8000/readyz"
TIMEOUT = 15


def main() -> None:
    """Print the report."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach this container
    try:
        with opener.open(ADDRESS, timeout=TIMEOUT) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        text = error.read()
    sys.stdout.write(text.decode())


if __name__ == "__main__":
    main()
