"""Visitors of applications on servers: pages and assets, tasks that are accepted and must complete, slow downloads.

They behave like browsers: if a host refuses the connection, they try the next host of the site's name, and they
reopen a connection that was closed while it was idle. All other errors are failures.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
import socket
import ssl
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from tests.support.waiting import PATIENCE, SLOWNESS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Seconds that visitors wait; on a slow machine they wait longer, by its factor.
CONNECT_TIMEOUT = 3.0 * SLOWNESS
ANSWER_TIMEOUT = 30.0 * SLOWNESS
#: Requests on one kept connection before it is closed; other visitors open a connection for each request.
KEPT_ALIVE = 50
#: Visitors at once: one in three opens a connection for each request.
VISITORS = 9
#: The requests of visitors to the demo: a page and its style sheet, tasks, and other addresses.
SITE = ("page", "task", "/api/v1/ping", "asset", "task", "/healthz")
#: Bytes per second of a slow visitor, and its buffer.
SLOWLY, PIECE = 256 * 1024, 16 * 1024
_ASSET = re.compile(rb'"(/static/[^"]+\.css)"')
#: The errors of a kept connection that the other side has closed while it was idle.
CLOSED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)


@dataclass(frozen=True)
class Visited:
    """The requests of visitors to one application.

    Args:
        name: its host name.
        paths: the requests, one after the other: addresses, ``page`` for its first page, ``asset`` for the style sheet
            of that, and ``task`` for a task of the demo.
        download: the path of a large file for a slow visitor; if empty, there is no slow visitor.
        size: its size in bytes.
    """

    name: str
    paths: Sequence[str] = SITE
    download: str = ""
    size: int = 0


class NoHostError(OSError):
    """No host of the site accepts a connection."""


@dataclass(frozen=True)
class Failure:
    """A request that failed.

    Args:
        began: when it began, in seconds of ``time.monotonic``.
        address: the host.
        name: the host name of the application.
        what: the request.
        why: the reason.
    """

    began: float
    address: str
    name: str
    what: str
    why: str


@dataclass
class Log:
    """The visitors' results.

    Args:
        answered: when each request began, and the seconds until its answer.
        failures: the failed requests.
        accepted: ids of tasks that the site has accepted.
        visits: host name -> how many requests its application got.
    """

    answered: list[tuple[float, float]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    visits: Counter[str] = field(default_factory=Counter)

    def p99(self, since: float, until: float) -> float:
        """Return the 99th percentile of the seconds of requests in a span; NaN if there was none."""
        taken = sorted(seconds for began, seconds in self.answered if since <= began < until)
        return taken[len(taken) * 99 // 100] if taken else float("nan")


class _Connection(http.client.HTTPSConnection):
    """A connection to one host with an application's name, without a check of the certificate."""

    def __init__(self, address: str, name: str, receive: int | None = None) -> None:
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 - other tests check the certificate
        super().__init__(name, timeout=ANSWER_TIMEOUT, context=context)
        self.address, self._context, self._receive = address, context, receive

    def connect(self) -> None:
        """Connect to the host."""
        plain = socket.socket()
        if self._receive:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive)
        plain.settimeout(CONNECT_TIMEOUT)
        try:
            plain.connect((self.address, 443))
            self.sock = self._context.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
            raise
        self.sock.settimeout(ANSWER_TIMEOUT)


class Load:
    """A steady load during a change.

    Args:
        addresses: the hosts.
        applications: what is visited; the visitors share the applications.
        rate: requests per second, of all visitors together.
    """

    def __init__(self, addresses: Sequence[str], applications: Sequence[Visited], rate: float) -> None:
        self.log = Log()
        self._addresses = list(addresses)
        self._pause = VISITORS / rate
        self._end = threading.Event()
        self._lock = threading.Lock()
        shared = itertools.cycle(applications)
        visits: list[tuple[Callable[[int, Visited], None], tuple[int, Visited]]] = [
            (self._visit, (number, next(shared))) for number in range(VISITORS)
        ]
        visits += [(self._take_slowly, (number, each)) for number, each in enumerate(applications) if each.download]
        self._threads = [threading.Thread(target=visit, args=these, daemon=True) for visit, these in visits]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, after the requests in flight."""
        self._end.set()
        for thread in self._threads:
            thread.join(PATIENCE * 60)

    def forget(self, address: str) -> None:
        """Remove a host from the site's name, as its owner does with a lost one."""
        with self._lock:
            self._addresses = [each for each in self._addresses if each != address]

    def add(self, address: str) -> None:
        """Add a host to the site's name."""
        with self._lock:
            self._addresses.append(address)

    def _connect(self, first: int, name: str, receive: int | None = None) -> _Connection:
        with self._lock:
            addresses = list(self._addresses)
        problems = []
        for number in range(len(addresses)):
            connection = _Connection(addresses[(first + number) % len(addresses)], name, receive)
            try:
                connection.connect()
            except OSError as error:  # this host accepts no visitors; try the next
                connection.close()
                problems.append(repr(error))
                continue
            return connection
        raise NoHostError(f"none of {', '.join(addresses)} takes a connection: {'; '.join(problems)}")

    def _visit(self, visitor: int, site: Visited) -> None:
        kept = 1 if visitor % 3 == 0 else KEPT_ALIVE
        connection, used, asset = None, 0, "/"
        paths = itertools.cycle(site.paths)
        next_time = time.monotonic() + self._pause * visitor / VISITORS
        while not self._end.wait(max(0.0, next_time - time.monotonic())):
            next_time = max(next_time + self._pause, time.monotonic() - 1)
            what = next(paths)
            key = str(uuid.uuid4())
            began = time.monotonic()
            address = ""
            try:
                while True:
                    if connection is None:
                        connection, used = self._connect(visitor + int(began), site.name), 0
                    address = connection.address
                    try:
                        answer = self._ask(connection, asset if what == "asset" else what, key)
                        break
                    except CLOSED:
                        connection.close()
                        connection = None
                        if used == 0:
                            raise
            except (OSError, http.client.HTTPException) as error:
                if connection is not None:
                    connection.close()
                connection = None
                self._note(began, address, site.name, what, f"after {time.monotonic() - began:.1f} s: {error!r}")
                continue
            used += 1
            self._note(began, address, site.name, what, self._look(what, *answer))
            found = _ASSET.search(answer[1]) if what == "page" else None
            asset = found[1].decode() if found else asset
            if used >= kept or connection.sock is None:  # enough, or the host closes it, perhaps before it stops
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _ask(self, connection: _Connection, what: str, key: str) -> tuple[int, bytes]:
        if what == "task":
            headers = {"Content-Type": "application/json", "Idempotency-Key": key}
            connection.request("POST", "/api/v1/tasks/add", json.dumps({"x": 4, "y": 4}), headers)
        else:
            # With a cookie of its own a visitor passes by Nginx's page cache, which would hide a failing service.
            connection.request("GET", "/" if what == "page" else what, headers={"Cookie": f"visitor={key}"})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def _look(self, what: str, status: int, body: bytes) -> str:
        """Return the problem with an answer, empty if there is none; record an accepted task."""
        if status != (http.HTTPStatus.ACCEPTED if what == "task" else http.HTTPStatus.OK):
            return f"{status} {body[:200]!r}"
        if what == "task":
            with self._lock:
                self.log.accepted.append(str(json.loads(body)["id"]))
        return ""

    def _note(self, began: float, address: str, name: str, what: str, why: str) -> None:
        with self._lock:
            self.log.answered.append((began, time.monotonic() - began))
            self.log.visits[name] += 1
            if why:
                self.log.failures.append(Failure(began, address, name, what, why))

    def _take_slowly(self, number: int, site: Visited) -> None:
        """Download a large file like a visitor with a slow connection, again and again."""
        while not self._end.is_set():
            began, address, taken, number = time.monotonic(), "", 0, number + 1
            connection = None
            try:
                connection = self._connect(number, site.name, receive=PIECE)
                address = connection.address
                connection.request("GET", site.download)
                answer = connection.getresponse()
                while piece := answer.read(PIECE):
                    taken += len(piece)
                    ahead = taken / SLOWLY - (time.monotonic() - began)
                    if ahead > 0 and not self._end.is_set():
                        self._end.wait(ahead)
                why = "" if taken == site.size else f"{answer.status}: {taken} of {site.size} bytes"
            except (OSError, http.client.HTTPException) as error:
                why = f"after {taken} bytes: {error!r}"
            finally:
                if connection is not None:
                    connection.close()
            with self._lock:
                if why:
                    self.log.failures.append(Failure(began, address, site.name, "download", why))
