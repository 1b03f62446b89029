"""A page that leaks 1 MiB a request, in front of an application. It names its process and the size of the body."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LEAK = 1 << 20

held: list[bytes] = []


class Leaking:
    """The application with the page.

    Args:
        application: what answers all other requests.
        path: the page's.
    """

    def __init__(self, application: WSGIApplication, path: str) -> None:
        self._application = application
        self._path = path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if environ["PATH_INFO"] != self._path:
            return self._application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        held.append(os.urandom(LEAK))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{os.getpid()} {len(body)}".encode()]
