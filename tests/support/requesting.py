"""Asking hosts for pages by the site's name: once, or all the time while something happens."""

from __future__ import annotations

import http
import http.client
import itertools
import ssl
import threading
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Requests on one connection before it is closed and another opened.
KEPT_ALIVE = 20


@dataclass(frozen=True)
class Answer:
    """What a host answered."""

    status: int
    location: str
    body: bytes


def fetch(address: str, name: str, path: str, *, https: bool = True) -> Answer:
    """Ask a host for a page and return its answer, whoever signed its certificate.

    Args:
        address: the host.
        name: the site's name.
        path: the page.
        https: or over plain HTTP.

    Raises:
        OSError: nobody answers.
    """
    kind = partial(http.client.HTTPSConnection, context=_trusting()) if https else http.client.HTTPConnection
    with closing(kind(address, timeout=15)) as connection:
        connection.request("GET", path, headers={"Host": name})
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheader("Location", ""), answer.read())


def _trusting() -> ssl.SSLContext:
    return ssl._create_unverified_context()  # noqa: S323, SLF001 - whose certificate it is, others look at


class Visitors:
    """A few threads that request ``/healthz`` over HTTPS, on connections old and new.

    Args:
        addresses: the hosts, asked in turn.
        name: the site's name.
    """

    def __init__(self, addresses: Sequence[str], name: str) -> None:
        self.answered = 0
        self.reconnected = 0
        self.failures: list[str] = []
        self._addresses = itertools.cycle(addresses)
        self._name = name
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(4)]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, after the requests that are on their way."""
        self._end.set()
        for thread in self._threads:
            thread.join(30)

    def _visit(self) -> None:
        while not self._end.is_set():
            with self._lock:
                address = next(self._addresses)
            with closing(http.client.HTTPSConnection(address, timeout=10, context=_trusting())) as connection:
                try:
                    self._stay(connection)
                except (OSError, http.client.HTTPException) as error:
                    self.failures.append(f"{address}: {error!r}")

    def _stay(self, connection: http.client.HTTPSConnection) -> None:
        """Ask a number of times on one connection.

        A server may close a connection that idles, and Nginx does so when it reads its configuration again. Whoever
        asks at that very moment gets no answer, and asks again on a new connection, as browsers and libraries do.
        """
        for number in range(KEPT_ALIVE):
            try:
                self._ask(connection)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                if number == 0:
                    raise
                with self._lock:
                    self.reconnected += 1
                return
            if self._end.is_set():
                return

    def _ask(self, connection: http.client.HTTPSConnection) -> None:
        connection.request("GET", "/healthz", headers={"Host": self._name})
        answer = connection.getresponse()
        body = answer.read()
        with self._lock:
            self.answered += 1
        if answer.status != http.HTTPStatus.OK or body != b"ok\n":
            self.failures.append(f"{connection.host}: {answer.status}")
