"""Sends tasks as a service would and prints a line of JSON: ``python caller.py WAY WHAT COUNT``.

WAY is ``durable``, ``plain`` or ``redis``; WHAT is a body's name, ``bulk`` (durable alone) or ``latency`` (durable).
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import bodies

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

#: Seconds within which all must be done.
DEADLINE = 300


def transactions() -> Callable[[], AbstractContextManager[object]]:
    """Return what opens a transaction on a connection that stays, as a service has one for durable tasks."""
    import psycopg  # noqa: PLC0415 - the other ways need no database
    from landfast_outbox.psycopg import transaction  # noqa: PLC0415
    from landfast_runtime.connections import Postgres  # noqa: PLC0415
    from landfast_runtime.env import load  # noqa: PLC0415

    parameters = load("bench", Postgres.from_env).parameters
    return partial(transaction, psycopg.connect(**parameters, autocommit=True))


def done() -> int:
    """Return how many tasks have ended since the file was emptied."""
    return bodies.DONE.stat().st_size


def wait_for(count: int, ended: Callable[[], int] = done) -> None:
    """Wait until ``count`` tasks have ended.

    Raises:
        SystemExit: they have not in time.
    """
    deadline = time.monotonic() + DEADLINE
    while ended() < count:
        if time.monotonic() > deadline:
            sys.exit(f"{ended()} of {count} tasks ended within {DEADLINE} s")
        time.sleep(0.002)


def send(way: str, what: str, count: int) -> dict[str, float]:
    """Send tasks one by one and return tasks a second: as the caller saw it, and from end to end."""
    task: Any = getattr(import_module({"redis": "defaults"}.get(way, way)), what)
    bodies.DONE.write_bytes(b"")
    opened = transactions() if way == "durable" else nullcontext
    with opened():
        task.delay()  # connects
    wait_for(1)
    started = time.perf_counter()
    for _ in range(count):
        with opened():
            task.delay()
    sent = time.perf_counter()
    wait_for(count + 1)
    return {"publish": count / (sent - started), "end_to_end": count / (time.perf_counter() - started)}


def bulk(count: int) -> dict[str, float]:
    """Write tasks all at once and return tasks a second: as the caller saw it, and from end to end."""
    from durable import nothing  # noqa: PLC0415
    from landfast_outbox.celery import enqueue_many  # noqa: PLC0415

    bodies.DONE.write_bytes(b"")
    opened = transactions()
    started = time.perf_counter()
    with opened():
        enqueue_many(nothing, [((), {})] * count)
    sent = time.perf_counter()
    wait_for(count)
    return {"publish": count / (sent - started), "end_to_end": count / (time.perf_counter() - started)}


def latency(count: int) -> dict[str, float]:
    """Send tasks now and then and return the milliseconds from before the call to the body's start: median and 99th."""
    from durable import note_latency  # noqa: PLC0415

    bodies.LATENCIES.write_bytes(b"")
    opened = transactions()
    for number in range(1, count + 1):
        with opened():
            note_latency.delay(time.time())
        wait_for(number, lambda: bodies.LATENCIES.read_bytes().count(b"\n"))
        time.sleep(0.02)
    taken = sorted(float(line) * 1000 for line in bodies.LATENCIES.read_text().split())
    return {"p50": taken[len(taken) // 2], "p99": taken[len(taken) * 99 // 100]}


def main(way: str, what: str, count: int) -> dict[str, float]:
    """Do what the command line asks for."""
    if what == "bulk":
        return bulk(count)
    return latency(count) if what == "latency" else send(way, what, count)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
