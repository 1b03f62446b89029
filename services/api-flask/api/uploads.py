"""Bodies of uploads, for the uWSGI processes that serve nothing else.

In these processes nothing reads a body before the application does, and each body occupies a thread. uWSGI's ``read``
returns only after as many bytes as it was asked for, however slowly they arrive: so each read gets a time limit here. A
refused body is not waited for, either. Nginx reads what its client still sends, and costs no thread.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from werkzeug.exceptions import HTTPException, RequestTimeout

from api.datasets.streams import PIECE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

#: Seconds within which each piece of a body arrives: at least 4 KiB a second.
LONGEST_PIECE = 16.0

#: Seconds for which the rest of a refused body is read after its response. If a server closes while Nginx still sends,
#: the kernel may discard the response before Nginx has read it.
PATIENCE = 2.0


class Source(Protocol):
    """The body as the server offers it."""

    def read(self, size: int, /) -> bytes:
        """Return ``size`` bytes, or all that are left."""


class TimelyBody:
    """A body each of whose reads has a time limit.

    Args:
        body: the server's ``wsgi.input``.
        stop: ends a running read, in another thread.
    """

    def __init__(self, body: Source, stop: Callable[[], None]) -> None:
        self._body = body
        self._stop = stop
        self._lock = threading.Lock()
        self._reads = 0
        self._late = False

    def read(self, size: int, within: float | None = None) -> bytes:
        """Return ``size`` bytes, or all that are left.

        Args:
            size: the number of bytes.
            within: the time limit in seconds; by default :data:`LONGEST_PIECE`.

        Raises:
            RequestTimeout: they did not arrive in time; nothing more can be read.
            OSError: the client is gone.
        """
        limit = LONGEST_PIECE if within is None else within
        timer = threading.Timer(limit, self._give_up, [self._reads])
        timer.daemon = True
        timer.start()
        try:
            return self._body.read(size)
        except OSError:
            if self._late:
                rate = PIECE / LONGEST_PIECE / 1024
                raise RequestTimeout(f"the body arrived more slowly than {rate:g} KiB a second") from None
            raise
        finally:
            timer.cancel()
            with self._lock:
                self._reads += 1

    def _give_up(self, read: int) -> None:
        """End a read, unless it has just ended by itself: another request may have its connection by now."""
        with self._lock:
            if self._reads == read:
                self._late = True
                self._stop()


class Uploads:
    """A WSGI application whose bodies are timely, and which answers before a refused body has ended.

    Args:
        application: the wrapped application.
        stop: ends a running read of the current request's body: it is called in the request's thread, and returns the
            function that does it in another one.
    """

    def __init__(self, application: WSGIApplication, stop: Callable[[], Callable[[], None]]) -> None:
        self._application = application
        self._stop = stop

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        """Answer, then read what is left of the body, for a moment."""
        body = TimelyBody(environ["wsgi.input"], self._stop())
        answer = self._application({**environ, "wsgi.input": body}, start_response)
        return _then_read(answer, body)


def _then_read(answer: Iterable[bytes], body: TimelyBody) -> Iterator[bytes]:
    try:
        yield from answer
    finally:
        if close := getattr(answer, "close", None):
            close()
    deadline = time.monotonic() + PATIENCE
    with suppress(OSError, HTTPException):  # the client is gone, or slow
        while (left := deadline - time.monotonic()) > 0 and body.read(PIECE, left):
            pass


def stop_reading_from_uwsgi() -> Callable[[], None]:
    """Return a function that ends the read of the current request's body in uWSGI; the response can still be sent."""
    connection: int = import_module("uwsgi").connection_fd()  # it exists within uWSGI only

    def stop() -> None:
        with suppress(OSError), socket.socket(fileno=os.dup(connection)) as shared:
            shared.shutdown(socket.SHUT_RD)

    return stop
