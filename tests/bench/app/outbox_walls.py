"""Compares durable tasks without and with row-level security: see ``tests/bench/outbox_walls.py``."""

from __future__ import annotations

import json
import statistics
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
from landfast_outbox import schema, store
from landfast_outbox.rights import Roles, follow
from landfast_outbox.task import NewTask
from landfast_testing.postgres import server
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


#: The statements of release 0.1.0 for one task, and for many.
OLD_INSERT = """
    INSERT INTO outbox.task (id, name, engine, queue, headers, properties, body, ordered, due_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())
"""
OLD_COPY = "COPY outbox.task (id, name, engine, queue, headers, properties, body, ordered) FROM STDIN"

ROLES = Roles(
    {"workers": ["shop"], "relays": ["carrier"]},
    {"shop": {"run": ["shop"], "write": ["shop", "tasks"]}, "carrier": {"run": ["*"]}},
)
#: The most tasks that a relay takes at once.
BATCH = 500


class Database:
    """A database with durable tasks, and the sessions of an application and of a relay.

    Args:
        name: the database.
        revision: its revision.
    """

    def __init__(self, name: str, revision: str) -> None:
        self.walled = revision == "head"
        dsn = server().make_database(name)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA outbox")
            schema.upgrade(create_engine(server().url(name), poolclass=NullPool), revision)
            if self.walled:
                follow(connection, ROLES)
            else:
                connection.execute("GRANT USAGE ON SCHEMA outbox TO shop, carrier")
                connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA outbox TO shop, carrier")
        self.shop = psycopg.connect(dsn, options="-c role=shop", autocommit=True)
        self.carrier = psycopg.connect(dsn, options="-c role=carrier", autocommit=True)

    def write(self, tasks: Sequence[NewTask]) -> None:
        """Write tasks in one transaction, as the release with these tables does."""
        with self.shop.transaction(), self.shop.cursor() as cursor:
            if self.walled:
                store.insert(cursor, tasks)
            elif len(tasks) == 1:
                cursor.execute(OLD_INSERT, old_values(tasks[0]))
            else:
                with cursor.copy(OLD_COPY) as copy:
                    for task in tasks:
                        copy.write_row(old_values(task))

    def take(self) -> None:
        """Take all due tasks, as a relay does."""
        while store.take(self.carrier, BATCH, []):
            pass

    def run(self, tasks: Sequence[NewTask]) -> None:
        """Claim and complete each task in a transaction of its own, as a worker does."""
        for task in tasks:
            with self.shop.transaction():
                store.claim(self.shop, task.id)
                store.complete(self.shop, task.id, "8")

    def purge(self) -> None:
        """Delete all completed tasks."""
        while store.purge(self.carrier, timedelta(0), BATCH):
            pass


def old_values(task: NewTask) -> tuple[Any, ...]:
    """Return a task's columns."""
    headers, properties = json.dumps(task.headers), json.dumps(task.properties)
    return (str(task.id), task.name, task.engine, task.queue, headers, properties, task.body, task.ordered)


def new(number: int) -> list[NewTask]:
    """Return tasks about as long as the API's."""
    headers = {"task": "shop.add", "argsrepr": "(4, 4)", "origin": "x" * 400}
    return [NewTask(uuid4(), "shop.add", "shop", "[[4,4],{},{}]", headers) for _ in range(number)]


def steps(database: Database, number: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the name and the function of each step; each works on ``number`` tasks."""
    one_by_one, at_once = new(number), new(number)

    def write_one_by_one() -> None:
        for task in one_by_one:
            database.write([task])

    yield "write, one a transaction", write_one_by_one
    yield "write, all in one transaction", lambda: database.write(at_once)
    yield "take (two tasks each)", database.take
    yield "claim and complete", lambda: database.run(one_by_one)
    database.run(at_once)
    yield "purge (two tasks each)", database.purge


def main(number: int, rounds: int) -> None:
    """Run the steps in turns and print the medians."""
    with psycopg.connect(server().dsn(), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS shop, carrier")
        connection.execute("CREATE ROLE shop")
        connection.execute("CREATE ROLE carrier")
    databases = (Database("open", "0003"), Database("walled", "head"))
    seconds: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(rounds):
        for (name, before), (_, after) in zip(*(steps(each, number) for each in databases), strict=True):
            for position, step in enumerate((before, after)):
                started = time.perf_counter()
                step()
                seconds.setdefault(name, ([], []))[position].append(time.perf_counter() - started)
    print("| microseconds a task | 0003 | with row-level security | ratio |\n| --- | ---: | ---: | ---: |")
    for name, (before, after) in seconds.items():
        first, second = statistics.median(before), statistics.median(after)
        print(f"| {name} | {first / number * 1e6:.0f} | {second / number * 1e6:.0f} | {second / first:.2f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
