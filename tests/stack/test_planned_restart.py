"""Servers that keep data are restarted on purpose, as by a release that changes them: requests wait, and none fails."""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.killing import wait_restarted
from tests.support.site import Site
from tests.support.stopping import now
from tests.support.waiting import SLOWNESS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.stack import Stack

#: Requests a second, and how many may wait at the same time.
RATE, VISITORS = 10 / SLOWNESS, 200

#: Seconds of an outage for which requests wait (libs/runtime, restarts.py), less one that the log's times may be off by
#: and one to be served in.
PATIENCE = 8 - 2

#: What visitors ask for, one after the other: a page and a list out of the database, tasks that are written to it, the
#: result of one.
ASKED = ("/", "task", "/rest/articles/", "task", "result")

#: A transaction that ends long after the restart.
_HANGS = "BEGIN; SELECT 'hangs', pg_sleep(600)"
_COUNT = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'BEGIN; SELECT ''hangs''%'"


class Visitors:
    """A steady load, whatever becomes of the answers.

    Args:
        url: the site.
    """

    def __init__(self, url: str) -> None:
        self.answers: list[Future[str]] = []
        self.accepted: dict[str, int] = {}
        self.slowest = 0.0
        self._url = url
        self._end = threading.Event()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Let visitors come while the body runs; at its end all have their answers."""
        with ThreadPoolExecutor(VISITORS) as pool, ThreadPoolExecutor(1) as clock:
            sending = clock.submit(self._send, pool)
            try:
                yield
            finally:
                self._end.set()
                sending.result()

    def wait_for_more(self, number: int) -> None:
        """Wait until so many more visitors have come and been answered."""
        wanted = len(self.answers) + number
        wait_until(lambda: sum(each.done() for each in list(self.answers)) >= wanted, 60, f"{number} more answers")

    def failures(self) -> list[str]:
        """Return what went wrong."""
        return [why for answer in self.answers if (why := answer.result())]

    def _send(self, pool: ThreadPoolExecutor) -> None:
        while not self._end.wait(1 / RATE):
            self.answers.append(pool.submit(self._visit, len(self.answers)))

    def _visit(self, number: int) -> str:
        site, what = Site(self._url), ASKED[number % len(ASKED)]
        path = next(iter(self.accepted), "/") if what == "result" else what
        try:
            # With a cookie: Nginx's page cache would hide a page that fails.
            own = {"Cookie": f"visitor={number}"}
            response = site.send_task(number, 1) if what == "task" else site.get(path, headers=own)
        except requests.RequestException as error:
            return f"{what}: {error!r}"
        took = response.elapsed.total_seconds()
        if response.status_code != (202 if what == "task" else 200):
            return f"{what}: {response.status_code} after {took:.1f} s: {response.text[:300]}"
        self.slowest = max(self.slowest, took)
        if what == "task":
            self.accepted[response.headers["Location"]] = number + 1
        return ""


def away(stack: Stack, since: str) -> float:
    """Return for how many seconds PostgreSQL has taken no sessions since a moment, as it logs it."""
    lines = [json.loads(line) for line in stack.logs("postgres", since=since).splitlines()]
    [stopped] = [line["time"] for line in lines if "smart shutdown request" in line["message"]]
    started = next(line["time"] for line in reversed(lines) if "ready to accept connections" in line["message"])
    return (datetime.fromisoformat(started) - datetime.fromisoformat(stopped)).total_seconds()


def restart_under_load(stack: Stack, service: str, *, how: Sequence[str] = ("restart",), tries: int = 3) -> None:
    """Restart a service while visitors come; none of their requests fails, and each task is done."""
    visitors, site = Visitors(stack.http_url), Site(stack.http_url)
    before, since = stack.inspect(service)["State"]["StartedAt"], now()

    with visitors.coming():
        visitors.wait_for_more(20)
        stack.compose(*how, service)
        wait_restarted(stack, service, before)
        visitors.wait_for_more(20)

    failures = visitors.failures()
    asked = f"{service} restarted: {len(failures)} of {len(visitors.answers)} requests failed"
    print(f"{asked}, the slowest answer took {visitors.slowest:.1f} s")
    seconds = away(stack, since) if failures and (service, *how) == ("postgres", "restart") else 0
    if seconds > PATIENCE:  # other work kept it from starting: nothing is promised then, and nothing shown
        assert tries > 1, f"PostgreSQL was away for {seconds:.0f} s each time: longer than requests are meant to wait"
        restart_under_load(stack, service, how=how, tries=tries - 1)
        return
    assert failures == []
    wait_until(lambda: all(site.result(each) is not None for each in visitors.accepted), 60, "all sums", interval=0.5)
    assert {each: site.result(each) for each in visitors.accepted} == visitors.accepted


def test_no_request_fails_while_postgres_restarts(either: Stack) -> None:
    restart_under_load(either, "postgres")


@pytest.mark.long  # libs/runtime/tests/test_drain.py shows without a stack how long a transaction is waited for
def test_no_request_fails_while_postgres_restarts_though_a_transaction_hangs(either: Stack) -> None:
    either.compose("exec", "--detach", "postgres", "psql", "--command", _HANGS, "landfast")
    counted = ("postgres", "psql", "-qAtc", _COUNT, "landfast")
    wait_until(lambda: either.execute(*counted).strip() == "1", 20, "the transaction")

    restart_under_load(either, "postgres")


@pytest.mark.long  # as above, and the same to those who wait: its name and its address go, too
def test_no_request_fails_while_postgres_gets_another_container(either: Stack) -> None:
    restart_under_load(either, "postgres", how=("up", "--detach", "--no-deps", "--force-recreate"))


@pytest.mark.parametrize("service", ["redis", "redis-cache", "rabbitmq"])
@pytest.mark.long  # the tasks that outlive each of them alone are test_health.py's
def test_no_request_fails_while_another_one_restarts(either: Stack, service: str) -> None:
    restart_under_load(either, service)
