"""Measures pages with few articles and with many, side by side: ``python3 tests/bench/pages.py`` runs this.

Both newsrooms are databases of one server, and are queried in turns, so that other load on the machine affects both
equally. Nothing is cached: the measurement is of the page and not of a cache.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING

from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from landfast_testing.postgres import server
from news import demo, seeding

if TYPE_CHECKING:
    from collections.abc import Callable

#: Articles and comments of either newsroom.
FEW, MANY = (100, 1_000), (10_000, 100_000)
GOAL = 1.5
ROUNDS, REQUESTS, WARMING = 10, 30, 20

ARTICLES = "{ articles { totalCount results { title category { name } tags { name } } } }"

#: The measured pages; the goal is for the list page, the others are for information.
PAGES: dict[str, Callable[[Client], int]] = {
    "list": lambda client: client.get("/").status_code,
    "list, its third page": lambda client: client.get("/?page=3").status_code,
    "detail with comments": lambda client: client.get("/news/demo-50/").status_code,
    "REST, articles": lambda client: client.get("/rest/articles/").status_code,
    "REST, comments": lambda client: client.get("/rest/comments/").status_code,
    "GraphQL, articles": lambda client: (
        client.post("/graphql/", json.dumps({"query": ARTICLES}), content_type="application/json").status_code
    ),
}
HELD_TO_GOAL = ("list", "list, its third page")


@dataclass(frozen=True)
class Row:
    """One line of the table: the seconds of each request of a page.

    Args:
        name: the page's name.
        few: the seconds with few articles.
        many: the seconds with many.
    """

    name: str
    few: list[float]
    many: list[float]

    @property
    def ratio(self) -> float:
        """The ratio of the 95th percentiles with many and with few articles."""
        return p95(self.many) / p95(self.few)

    @property
    def line(self) -> str:
        """The line of a Markdown table, in milliseconds."""
        times = (median(self.few), median(self.many), p95(self.few), p95(self.many))
        return f"| {self.name} | {' | '.join(f'{1000 * value:.1f}' for value in times)} | {self.ratio:.2f} |"


def p95(times: list[float]) -> float:
    """Return the 95th percentile."""
    return quantiles(times, n=20)[-1]


def enter(database: str) -> None:
    """Let Django use another database from now on."""
    connection.close()
    connection.settings_dict["NAME"] = database


def furnish(database: str, articles: int, comments: int) -> None:
    """Create a newsroom."""
    server().make_database(database)
    enter(database)
    call_command("migrate", verbosity=0)
    seeding.seed()
    started = time.monotonic()
    demo.make(articles, comments)
    with connection.cursor() as cursor:
        # The tests' server does not wait for its disk, and VACUUM marks only rows whose commit has arrived there.
        cursor.execute("CHECKPOINT")
    demo.tidy()
    print(f"{articles:,} articles and {comments:,} comments made in {time.monotonic() - started:.1f} s", flush=True)


def measure(page: Callable[[Client], int], times: list[float], requests: int) -> None:
    """Request a page repeatedly and record the duration of each request."""
    client = Client()
    for _ in range(requests):
        started = time.perf_counter()
        status = page(client)
        times.append(time.perf_counter() - started)
        if status != 200:
            raise SystemExit(f"a page answered {status}")


def table() -> list[Row]:
    """Return every page's times."""
    rows = [Row(name, [], []) for name in PAGES]
    for row in rows:
        for database in ("few", "many"):
            enter(database)
            measure(PAGES[row.name], [], WARMING)
        for _ in range(ROUNDS):
            for database, times in (("few", row.few), ("many", row.many)):
                enter(database)
                measure(PAGES[row.name], times, REQUESTS)
    enter("few")
    return rows


def main() -> int:
    """Print the table and return the exit status: 1 if the list page missed its goal."""
    furnish("few", *FEW)
    furnish("many", *MANY)
    no_cache = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    with override_settings(CACHES=no_cache, ALLOWED_HOSTS=["testserver"]):
        rows = table()
    print(f"\n{ROUNDS * REQUESTS} requests each, milliseconds, {os.cpu_count()} cores.\n")
    print(f"| page | median, {FEW[0]:,} | median, {MANY[0]:,} | p95, {FEW[0]:,} | p95, {MANY[0]:,} | ratio of p95 |")
    print("| --- | --- | --- | --- | --- | --- |")
    print("\n".join(row.line for row in rows))
    missed = [row.name for row in rows if row.name in HELD_TO_GOAL and row.ratio > GOAL]
    print(f"\ngoal, list: at most {GOAL}: {'missed by ' + ', '.join(missed) if missed else 'reached'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
