#!/usr/bin/env python3
"""Measure how fast the API answers while reports run: ``python3 tests/bench/reports.py URL < KEY``.

Drives a running stack with an API key (read from standard input; it needs the scopes datasets:read, datasets:write,
reports:read and reports:write): uploads a dataset, then asks ``GET /api/v1/ping`` in turns, once while nothing else
runs and once while four reports do, and prints both side by side. What it made is removed at the end. The worker must
be able to run four tasks at once (``API_WORKER_CONCURRENCY=4``).
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Reports that run at once, and how much slower the API may become by them.
REPORTS, GOAL = 4, 2.0
#: Turns, requests in each half of one, and seconds between two requests.
TURNS, REQUESTS, PAUSE = 4, 1000, 0.005
#: Rows of the dataset; about 30 bytes each.
ROWS = 1_000_000
#: Seconds that the reports may take to start, and one request may take.
START, TIMEOUT = 120.0, 120.0
#: Seconds between two looks at the reports.
LOOK = 1.0

DEFINITION = {"group_by": "day", "period": "month", "value": "amount", "measure": "sum"}


class UnexpectedError(SystemExit):
    """The stack did not do what the measurement needs."""


@dataclass
class Api:
    """One connection to the API.

    Args:
        url: the site's address.
        key: the API key.
    """

    url: str
    key: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "localhost", parts.port or 80, timeout=TIMEOUT)

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:  # noqa: ANN401
        """Send a request and return the document of its answer.

        Raises:
            UnexpectedError: the answer is no success.
        """
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": kind}
        sent = json.dumps(body).encode() if kind == "application/json" and body is not None else body
        self._connection.request(
            method, path, sent, headers if sent is not None else {"Authorization": f"Bearer {self.key}"}
        )
        response = self._connection.getresponse()
        text = response.read()
        if response.status >= http.client.BAD_REQUEST:
            raise UnexpectedError(f"{method} {path}: {response.status} {text.decode(errors='replace')}")
        return json.loads(text) if text else None

    def ping(self) -> float:
        """Return the milliseconds that a sign of life takes."""
        started = time.perf_counter()
        self._connection.request("GET", "/api/v1/ping")
        response = self._connection.getresponse()
        response.read()
        if response.status != http.client.OK:
            raise UnexpectedError(f"ping: {response.status}")
        return (time.perf_counter() - started) * 1000


def rows(count: int) -> bytes:
    """Return a CSV file."""

    def line(number: int) -> str:
        day = f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}"
        return f"{day},category {number % 50},{number % 100},{number % 1000}.{number % 100:02}\n"

    return ("day,category,quantity,amount\n" + "".join(map(line, range(count)))).encode()


class Load:
    """Keeps reports running, where one ends the next begins; watches them once a second, as their askers would.

    Args:
        api: a connection of its own.
        dataset: what they are over.
    """

    def __init__(self, api: Api, dataset: str) -> None:
        self._api, self._dataset = api, dataset
        self._enough = threading.Event()
        self._ready = threading.Event()
        self._reports: list[str] = []
        self.finished = 0
        #: How often it was looked, and how often fewer than all of them were running.
        self.looks = self.short = 0

    @contextmanager
    def running(self, count: int) -> Iterator[None]:
        """Have so many of them run while the body does; at its end they are removed."""
        self._enough.clear()
        self._ready.clear()
        thread = threading.Thread(target=self._keep, args=(count,))
        thread.start()
        try:
            if not self._ready.wait(START):
                raise UnexpectedError(f"{count} reports did not run at once: is API_WORKER_CONCURRENCY {count}?")
            yield
        finally:
            self._enough.set()
            thread.join()

    def _keep(self, count: int) -> None:
        while True:
            states = self._states()
            if states.count("running") == count:
                self._ready.set()
            elif self._ready.is_set():
                self.short += 1
            self.looks += self._ready.is_set()
            while len(self._reports) < count:
                new = self._api.call("POST", "/api/v1/reports", {"dataset": self._dataset, **DEFINITION})
                self._reports.append(new["id"])
            if self._enough.wait(LOOK):
                break
        while self._reports:
            self._api.call("DELETE", f"/api/v1/reports/{self._reports.pop()}")

    def _states(self) -> list[str]:
        newest = self._api.call("GET", "/api/v1/reports?limit=8")["items"]
        states = {each["id"]: each["state"] for each in newest if each["id"] in self._reports}
        if "failed" in states.values():
            raise UnexpectedError(f"a report failed: {newest}")
        self.finished += list(states.values()).count("succeeded")
        self._reports = [each for each, state in states.items() if state in {"queued", "running"}]
        return list(states.values())


def measure(api: Api, count: int) -> list[float]:
    """Return the milliseconds of so many requests, one after the other."""
    found = []
    for _ in range(count):
        found.append(api.ping())
        time.sleep(PAUSE)
    return found


def percentile(found: list[float], share: float) -> float:
    """Return what ``share`` of the values do not exceed."""
    return sorted(found)[min(len(found) - 1, int(len(found) * share))]


def main() -> int:
    """Print the table and return the exit status: 1 if the goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="the site's address, such as http://localhost:8080")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the dataset")
    options = parser.parse_args()
    key = sys.stdin.readline().strip()
    api, other = Api(options.url, key), Api(options.url, key)
    file = rows(options.rows)
    started = time.monotonic()
    dataset = other.call("POST", "/api/v1/datasets?name=bench", file, "text/csv")["id"]
    print(f"{options.rows:,} rows, {len(file) / 1e6:.0f} MB, uploaded in {time.monotonic() - started:.1f} s")
    idle: list[float] = []
    busy: list[float] = []
    load = Load(other, dataset)
    try:
        measure(api, REQUESTS)  # warms up
        for _ in range(TURNS):
            with load.running(0):
                idle += measure(api, REQUESTS)
            with load.running(REPORTS):
                busy += measure(api, REQUESTS)
    finally:
        other.call("DELETE", f"/api/v1/datasets/{dataset}")
    print(f"Measured on {os.cpu_count()} cores; {load.finished} reports finished meanwhile.")
    print(f"Of {load.looks} looks at them, {load.short} saw fewer than {REPORTS} running: one had just ended.\n")
    print(f"| GET /api/v1/ping, ms | idle | {REPORTS} reports running | ratio |")
    print("| --- | --- | --- | --- |")
    for share in (0.5, 0.9, 0.99):
        before, after = percentile(idle, share), percentile(busy, share)
        print(f"| p{share * 100:.0f} | {before:.2f} | {after:.2f} | {after / before:.2f} |")
    return 0 if percentile(busy, 0.99) <= GOAL * percentile(idle, 0.99) else 1


if __name__ == "__main__":
    sys.exit(main())
