"""Whether the worker consumes: it is healthy if a task that is sent to it gets run.

A worker can live, answer ``inspect ping`` and still consume nothing after its broker was restarted
(https://github.com/celery/celery/discussions/9054), so nothing less than consumption proves it. Three cases:

- the probe came through: healthy;
- it did not, but every process of the pool is at work on a task within its time limit: healthy, and full;
- neither: unhealthy, with the reason in Docker's health log.

Nothing is sent, and nobody waits, while no worker listens to the probes' queue: one that starts is asked again at once.

Each check is a Python of its own, in each worker's container: it sends the message itself, since to import Celery would
take longer than all else.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from amqp import Message
from amqp.exceptions import AMQPError, NotFound

from landfast_runtime.broker import channel as open_channel
from landfast_runtime.connections import RabbitMQ
from landfast_runtime.env import load
from landfast_runtime.worker import probe, slots
from landfast_runtime.worker.config import worker_settings

#: Seconds that RabbitMQ may take for each answer.
BROKER_TIMEOUT = 2.0

#: Seconds that a probe may take through broker and pool.
PATIENCE = 6.0


def send_probe() -> bool:
    """Send a probe to the queue that only this container's worker consumes, and return whether it does.

    Raises:
        OSError: the broker cannot be reached, or is late.
        AMQPError: the broker does not take it.
    """
    name = probe.queue_name()
    with open_channel(load("worker", RabbitMQ.from_env), BROKER_TIMEOUT, confirm=True) as channel:
        try:
            consumed = bool(channel.queue_declare(name, passive=True).consumer_count)
        except NotFound:
            return False
        if consumed:
            channel.basic_publish(message(), exchange=probe.EXCHANGE, routing_key=name, confirm_timeout=BROKER_TIMEOUT)
    return consumed


def message() -> Message:
    """Return a probe as Celery would send it, by its name: the application would take seconds to load.

    https://docs.celeryq.dev/en/stable/internals/protocol.html
    """
    task = str(uuid4())
    arguments: tuple[list[str], dict[str, str], dict[str, str]] = ([], {}, {})
    expires = datetime.now(UTC) + timedelta(seconds=probe.EXPIRES)
    return Message(
        json.dumps(arguments),
        content_type="application/json",
        content_encoding="utf-8",
        correlation_id=task,
        application_headers={
            "lang": "py",
            "task": probe.NAME,
            "id": task,
            "root_id": task,
            "expires": expires.isoformat(),
            "ignore_result": True,
        },
    )


def last_mark() -> float:
    """Return when a probe last ran, in seconds since the epoch; 0 if none has."""
    try:
        return probe.MARK.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def wait_for_mark(before: float) -> bool:
    """Return whether a probe ran after ``before`` and within :data:`PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if last_mark() > before:
            return True
        time.sleep(0.05)  # the mark is a file: its time is looked at until it changes, or the deadline passes
    return False


def check() -> int:
    """Check once; print what was found and return the exit status for Docker."""
    before = last_mark()
    try:
        sent = send_probe()
    except (AMQPError, OSError) as error:
        print(f"RabbitMQ does not take a probe: {error}")
        return 1
    if sent and wait_for_mark(before):
        return 0
    from landfast_runtime.celery import TASK_TIME_LIMIT  # noqa: PLC0415 - the module's docstring has the reason

    busy, all_slots = slots.busy(TASK_TIME_LIMIT), worker_settings().concurrency
    if busy >= all_slots:
        print(f"all {all_slots} processes are at work")
        return 0
    missed = f"a probe was not consumed within {PATIENCE:g} s" if sent else "nobody listens to the probes' queue"
    print(f"{missed}, though {all_slots - busy} of {all_slots} processes are idle")
    return 1
