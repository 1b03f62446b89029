#!/usr/bin/env python3
"""Measure what backups cost, and how long a restore takes: ``python3 tests/bench/backups.py FIGURE``.

Drives the stack of this checkout that runs (``COMPOSE_PROJECT_NAME`` names another) with ``COMPOSE_PROFILES=backup``:

- ``rpo``: the longest time for which a row was in no archive, and not elsewhere, under a steady load of writes
- ``restore``: seconds of a restore, and of a drill, whose container may use 512 MB; ``--megabytes`` of rows are made
- ``pages``: p99 of the front page alone, and while a full backup runs
- ``tasks``: durable tasks a second with archiving, and without

``restore`` replaces the data of the stack with its newest backup.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ON = "/run/landfast-backup/on"
#: Makes rows of 32 kB of random text.
FILL = """
CREATE TABLE IF NOT EXISTS public.bench_data AS
SELECT string_agg(md5(random()::text || n::text), '') AS filling
FROM generate_series(1, {number}) AS n, generate_series(1, 1024) GROUP BY n
"""
#: Sends durable tasks of the site, waits until all have completed, and prints the seconds.
TASKS = """
import time
from django.db import connection
from news.tasks import remove_expired_drafts
began = time.monotonic()
sent = [str(remove_expired_drafts.delay().id) for number in range({count})]
def left():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM outbox.task WHERE id = ANY(%s::uuid[]) AND completed_at IS NULL", [sent])
        return cursor.fetchone()[0]
while left():
    time.sleep(0.1)
print(time.monotonic() - began)
"""


def compose(*arguments: str) -> str:
    """Run one command of Compose and return its output."""
    command = ["docker", "compose", "--project-directory", str(ROOT), "--profile=backup", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def query(sql: str) -> str:
    """Return the answer of the database to its superuser."""
    return compose("exec", "-T", "postgres", "psql", "-qAt", "landfast", "-c", sql).strip()


def stack(*arguments: str) -> float:
    """Run ``./stack`` and return its seconds."""
    began = time.monotonic()
    subprocess.run([str(ROOT / "stack"), *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def rpo(seconds: int) -> None:
    """Print for how long at most a committed row was in no archive, and for how long not elsewhere.

    Args:
        seconds: the time of the measurement.
    """
    query("CREATE TABLE IF NOT EXISTS public.bench (at timestamptz DEFAULT clock_timestamp(), filling text)")
    first = query("SELECT last_archived_wal FROM pg_stat_archiver")
    while query("SELECT last_archived_wal FROM pg_stat_archiver, pg_switch_wal()") == first:
        time.sleep(1)  # archiving may have begun only just now
    began, here, elsewhere = time.monotonic(), [], []
    while time.monotonic() < began + seconds:
        query("INSERT INTO public.bench (filling) SELECT repeat('x', 1000) FROM generate_series(1, 100)")
        here.append(
            float(query("SELECT extract(epoch FROM clock_timestamp() - last_archived_time) FROM pg_stat_archiver"))
        )
        age = compose("exec", "-T", "backup-elsewhere", "elsewhere", "age").strip()
        elsewhere += [float(age)] if age else []
        time.sleep(0.5)
    query("DROP TABLE public.bench")
    print(f"in no archive for {max(here):.0f} s at most (goal: 60 s)")
    if elsewhere:
        print(f"not elsewhere for {max(here) + max(elsewhere):.0f} s at most")


def restore(megabytes: int) -> None:
    """Print the seconds of a full backup, a drill and a restore with so many megabytes of rows."""
    query(FILL.format(number=megabytes * 32))
    print(f"full backup: {stack('backup', '--full'):.0f} s")
    print(f"drill: {stack('drill'):.0f} s (goal for 1 GB: 300 s)")
    print(f"restore and the next backup: {stack('restore', 'latest', '--yes'):.0f} s (goal for 1 GB: 600 s)")
    query("DROP TABLE public.bench_data")


def p99(address: str, number: int) -> float:
    """Return the 99th percentile of the milliseconds of so many requests, one after the other."""
    times = []
    for _ in range(number):
        began = time.monotonic()
        urllib.request.urlopen(address, timeout=60).read()  # noqa: S310 - the stack's own address
        times.append(1000 * (time.monotonic() - began))
    return statistics.quantiles(times, n=100)[98]


def pages(address: str, number: int) -> None:
    """Print p99 of a page alone, and while full backups run."""
    p99(address, number // 10)
    alone = p99(address, number)
    with subprocess.Popen([str(ROOT / "stack"), "backup", "--full"], stdout=subprocess.DEVNULL) as backup:
        meanwhile = p99(address, number)
        ended = backup.poll() is not None
    print(f"p99 {alone:.1f} ms alone, {meanwhile:.1f} ms during a full backup: {meanwhile / alone:.2f} x (goal: 1.5 x)")
    if ended:
        print("the backup ended before the requests did: give fewer --number, or more data")


def tasks(number: int) -> None:
    """Print durable tasks a second with archiving, and without."""
    script = TASKS.format(count=number)
    rates = {}
    for name, change in (("with", ("touch", ON)), ("without", ("rm", "-f", ON))):
        compose("exec", "-T", "backup", *change)
        compose("exec", "-T", "postgres", "archiving", "apply")
        said = compose("exec", "-T", "web-django", "python", "manage.py", "shell", "-v0", "-c", script).split()[-1]
        rates[name] = number / float(said)
        print(f"{name} archiving: {rates[name]:.0f} tasks/s")
    compose("exec", "-T", "backup", "touch", ON)
    compose("exec", "-T", "postgres", "archiving", "apply")
    print(f"{rates['with'] / rates['without']:.2f} x (goal: 0.9 x). Run ./stack backup now: there is a gap in the log")


def main() -> int:
    """Measure one figure and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=("rpo", "restore", "pages", "tasks"))
    parser.add_argument("--seconds", type=int, default=300, help="of rpo")
    parser.add_argument("--megabytes", type=int, default=1000, help="of restore")
    parser.add_argument("--number", type=int, default=1000, help="of requests, or of tasks")
    parser.add_argument("--address", default="http://localhost:8080/", help="of the page")
    options = parser.parse_args()
    if options.figure == "rpo":
        rpo(options.seconds)
    elif options.figure == "restore":
        restore(options.megabytes)
    elif options.figure == "pages":
        pages(options.address, options.number)
    else:
        tasks(options.number)
    return 0


if __name__ == "__main__":
    sys.exit(main())
