"""Reading the rest of a refused body, for the uWSGI processes that serve uploads.

In these processes nothing reads a body before the application does. If a server answers and closes while its client
still sends, the client's kernel discards the response: the sender of a refused file would see a broken connection, and
never the reason.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from api.datasets.streams import PIECE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

#: Seconds for which the rest of a body is read; a slower sender does not get the response.
PATIENCE = 60.0


class ReadToTheEnd:
    """A WSGI application that leaves no body unread.

    Args:
        application: the wrapped application.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer after the whole body has been read."""
        answer = self._application(environ, start_response)
        deadline = time.monotonic() + PATIENCE
        with suppress(OSError):  # the client is gone
            while environ["wsgi.input"].read(PIECE) and time.monotonic() < deadline:
                pass
        return answer
