"""Sends tasks through the outbox's table and prints what it takes: see ``tests/bench/outbox_size.py``."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from uuid import uuid4

import psycopg
from landfast_outbox import schema, store
from landfast_outbox.task import NewTask
from landfast_testing.postgres import server
from sqlalchemy import create_engine

#: Tasks that are under way at a time, and that the relay takes at once.
WAVE, BATCH = 10_000, 500

SIZE = "SELECT pg_table_size('outbox.stored_task'), pg_indexes_size('outbox.stored_task')"


def measure(count: int) -> None:
    """Send ``count`` tasks through and print what the table takes."""
    postgres = server()
    dsn = postgres.make_database("outbox")
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA outbox")
        schema.upgrade(engine)
        connection.execute("ALTER SYSTEM SET autovacuum_naptime = '15s'")  # as the stack's PostgreSQL has it
        connection.execute("SELECT pg_reload_conf()")
        fresh = None
        started = time.monotonic()
        for _ in range(count // WAVE):
            with connection.transaction(), connection.cursor() as cursor:
                store.insert(cursor, wave())
            while batch := store.take(connection, BATCH, []):
                for message in batch:
                    store.complete(connection, message.id, "8")
            fresh = fresh or connection.execute(SIZE).fetchone()
            while store.purge(connection, timedelta(0), BATCH):
                pass
        with connection.transaction(), connection.cursor() as cursor:
            store.insert(cursor, wave())
        used = connection.execute(SIZE).fetchone()
        seconds = time.monotonic() - started
    engine.dispose()
    print(f"| {WAVE:,} rows | table | indexes |\n| --- | ---: | ---: |")
    for name, sizes in (("after the first wave", fresh), (f"after {count:,} tasks", used)):
        assert sizes is not None
        print(f"| {name} | {sizes[0] / 2**20:.1f} MiB | {sizes[1] / 2**20:.1f} MiB |")
    print(f"{count / seconds:,.0f} tasks a second")


def wave() -> list[NewTask]:
    """Return tasks about as long as the API's."""
    headers = {"task": "tasks.arithmetic.add", "argsrepr": "(4, 4)", "origin": "x" * 400}
    body = "[[4,4],{},{}]"
    return [NewTask(uuid4(), "tasks.arithmetic.add", "tasks", body, headers) for _ in range(WAVE)]


if __name__ == "__main__":
    measure(int(sys.argv[1]))
