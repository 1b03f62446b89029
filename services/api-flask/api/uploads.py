"""Reading the rest of a body that was refused, for the lane in which uploads are served.

Here nothing reads a body before the application does. A server that answers and closes while its client still sends
makes the client's kernel throw the answer away: the sender of a file that is not wanted would see a broken connection,
and never the reason.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from api.datasets.streams import PIECE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

#: Seconds for which the rest of a body is read; who still sends then must do without an answer.
PATIENCE = 60.0


class ReadToTheEnd:
    """A WSGI application that leaves no body unread.

    Args:
        application: what answers.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, once all has been read."""
        answer = self._application(environ, start_response)
        deadline = time.monotonic() + PATIENCE
        with suppress(OSError):  # the client has gone
            while environ["wsgi.input"].read(PIECE) and time.monotonic() < deadline:
                pass
        return answer
