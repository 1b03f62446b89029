"""A Celery application with stock settings, as in its tutorial; the room's environment has the few that differ."""

from __future__ import annotations

import os
import time

from celery import Celery
from redis import Redis

#: The name of the room, which begins its keys of Redis.
NAME = os.environ["NAME"]
#: Seconds that a task waits for others.
PATIENCE = 120

app = Celery("tasks", broker=os.environ["BROKER_URL"], backend=os.environ["REDIS_URL"])
app.conf.result_backend_transport_options = {"global_keyprefix": f"{NAME}:"}
if highest := int(os.environ.get("HIGHEST_PRIORITY", "0")):
    app.conf.task_queue_max_priority = highest
    app.conf.task_default_priority = 1
    # With the one that runs, a worker holds no other task: the order is the queue's.
    app.conf.worker_prefetch_multiplier = 1
    app.conf.task_acks_late = True
if os.environ.get("EVERY"):
    app.conf.beat_schedule = {"tick": {"task": "tasks.tick", "schedule": float(os.environ["EVERY"])}}


def key(name: str) -> str:
    """Return a key of this room."""
    return f"{NAME}:{name}"


def redis() -> Redis:
    """Return a connection."""
    return Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


@app.task
def add(x: int, y: int) -> int:
    """Return the sum, as in the tutorial."""
    return x + y


@app.task
def meet(name: str, number: int) -> int:
    """Wait until ``number`` tasks are here at the same time, and return how many came."""
    connection, deadline = redis(), time.monotonic() + PATIENCE
    connection.incr(key(name))
    while (here := int(connection.get(key(name)) or 0)) < number and time.monotonic() < deadline:
        time.sleep(0.05)
    return here


@app.task
def wait(name: str) -> str:
    """Wait until somebody writes a word into a list."""
    connection = redis()
    connection.rpush(key(f"{name}-begun"), "yes")
    word = connection.blpop([key(name)], timeout=PATIENCE)
    return str(word[1]) if word else ""


@app.task
def note(name: str, word: str) -> None:
    """Append a word to a list."""
    redis().rpush(key(name), word)


@app.task
def tick() -> None:
    """Count what beat has sent."""
    redis().incr(key("ticks"))
