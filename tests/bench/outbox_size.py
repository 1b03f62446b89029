#!/usr/bin/env python3
"""Show that the outbox stays small: ``python3 tests/bench/outbox_size.py`` sends a million tasks through its table.

No broker and no worker: rows are written, taken, completed and purged by the statements that services, relay and
workers use, on a PostgreSQL of the tests' own, while autovacuum does what it does everywhere. What the table takes with
the last rows in it is compared with what as many rows take in a new one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[2]

#: Tasks that are under way at a time, and that the relay takes at once.
WAVE, BATCH = 10_000, 500

SIZE = "SELECT pg_table_size('outbox.task'), pg_indexes_size('outbox.task')"


def measure(count: int) -> None:
    """Send ``count`` tasks through and print what the table takes."""
    import psycopg  # noqa: PLC0415 - the services' environment has these
    from landfast_outbox import schema, store  # noqa: PLC0415
    from landfast_testing.postgres import server  # noqa: PLC0415
    from sqlalchemy import create_engine  # noqa: PLC0415

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


def wave() -> list[Any]:
    """Return tasks about as long as the API's."""
    from landfast_outbox.task import NewTask  # noqa: PLC0415

    headers = {"task": "tasks.arithmetic.add", "argsrepr": "(4, 4)", "origin": "x" * 400}
    body = "[[4,4],{},{}]"
    return [NewTask(uuid4(), "tasks.arithmetic.add", "tasks", body, headers) for _ in range(WAVE)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    options = parser.parse_args()
    if os.environ.get("OUTBOX_BENCH"):
        measure(options.tasks)
        sys.exit()
    sys.path.insert(0, str(ROOT))
    from cli import checks, devenv

    environment = devenv.services()
    paths = checks.join(checks.import_paths(ROOT / "services/worker"))
    settings = {"OUTBOX_BENCH": "1", "PYTHONPATH": f"{ROOT / 'services/worker'}{os.pathsep}{paths}"}
    command = [*environment.enter, str(environment.python), str(Path(__file__).resolve()), f"--tasks={options.tasks}"]
    sys.exit(subprocess.run(command, env={**os.environ, **settings}, check=False).returncode)
