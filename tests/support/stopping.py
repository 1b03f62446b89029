"""Observes a service while it stops."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING, TypeVar

import requests

from tests.support.site import Site
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.stack import Stack

Answer = TypeVar("Answer")

#: The kernel's code for an established connection.
ESTABLISHED = "01"


def connections(stack: Stack, service: str, port: int) -> int:
    """Return how many established connections a service has on a port of its own, from the kernel."""
    found = 0
    for line in stack.execute(service, "cat", "/proc/net/tcp", "/proc/net/tcp6").splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[1].endswith(f":{port:04X}") and fields[3] == ESTABLISHED:
            found += 1
    return found


def wait_for_requests(stack: Stack, service: str, port: int, count: int) -> None:
    """Wait until ``count`` requests have reached a service and are unanswered."""
    wait_until(lambda: connections(stack, service, port) >= count, 10, f"{count} requests in {service}")


def wait_for_line(stack: Stack, service: str, words: str, since: str) -> None:
    """Wait until a service has logged a line with ``words`` since a time."""
    wait_until(lambda: words in stack.logs(service, since=since), 20, f"{service} to say {words!r}")


def now() -> str:
    """Return the current time in Docker's format."""
    return datetime.now(UTC).isoformat()


@contextmanager
def stopping(stack: Stack, service: str) -> Iterator[None]:
    """Stop a service while the body runs; wait for the end of the stop."""
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(stack.stop, service)
        yield
        stopped.result()


@contextmanager
def locked(stack: Stack, table: str) -> Iterator[Callable[[], None]]:
    """Lock a table of the database during the body, so that requests wait within a query.

    (A paused database would also refuse new connections, for which services wait for only two seconds.)

    Args:
        stack: the stack of the database.
        table: the table with its schema.

    Yields:
        A function that releases the table earlier; the table is released at the end in any case.
    """
    name = f"lock-{token_hex(4)}"
    hold = f"LOCK TABLE {table}; SELECT pg_sleep(600)"
    mine = f"FROM pg_stat_activity WHERE application_name = '{name}'"

    def ask(statement: str) -> str:
        return stack.execute("postgres", "psql", "--no-psqlrc", "--tuples-only", "--command", statement, "landfast")

    def release() -> None:
        ask(f"SELECT pg_terminate_backend(pid) {mine}")

    with ThreadPoolExecutor(1) as pool:
        command = (
            "exec",
            "--no-TTY",
            "--env",
            f"PGAPPNAME={name}",
            "postgres",
            "psql",
            "--no-psqlrc",
            "--command",
            hold,
        )
        held = pool.submit(stack.compose, *command, "landfast", check=False)
        try:
            wait_until(lambda: "PgSleep" in ask(f"SELECT wait_event {mine}"), 20, f"{table} to be locked")
            yield release
        finally:
            release()
            held.result()


@contextmanager
def in_flight(count: int, request: Callable[[], Answer]) -> Iterator[list[Future[Answer]]]:
    """Send ``count`` requests side by side and yield the futures of their answers."""
    with ThreadPoolExecutor(count) as pool:
        yield [pool.submit(request) for _ in range(count)]


class Load:
    """Visitors who repeat a request, each time with a new request id, and the status for each id.

    Args:
        url: the site.
        request: sends a visitor's request with a request id, and returns the response.
        visitors: the number of visitors at the same time.
    """

    def __init__(self, url: str, request: Callable[[Site, str], requests.Response], visitors: int = 4) -> None:
        self.statuses: dict[str, int] = {}
        self.broken: list[str] = []
        self._url, self._request, self._visitors = url, request, visitors
        self._enough = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the visitors busy while the body runs."""
        with ThreadPoolExecutor(self._visitors) as pool:
            work = [pool.submit(self._visit) for _ in range(self._visitors)]
            try:
                yield
            finally:
                self._enough.set()
            for each in work:
                each.result()

    def wait_for(self, status: int, count: int = 1) -> None:
        """Wait until ``count`` requests have got a status."""
        wait_until(lambda: self.count(status) >= count, 30, lambda: f"{count} times {status}: {self.statuses}")

    def count(self, status: int) -> int:
        """Return how many requests have got a status."""
        return list(self.statuses.values()).count(status)

    def _visit(self) -> None:
        site = Site(self._url)
        while not self._enough.is_set():
            name = f"load-{token_hex(8)}"
            try:
                self.statuses[name] = self._request(site, name).status_code
            except requests.RequestException as error:
                self.broken.append(str(error))
