"""Whether the worker consumes: it is healthy if it runs a task that is sent to it.

A worker can live, answer ``inspect ping`` and still consume nothing after a restart of its broker
(https://github.com/celery/celery/discussions/9054), so only consumption proves its health. Three cases:

- the probe ran: healthy;
- the probe did not run, but every process of the pool runs a task within its time limit: healthy, and busy;
- neither: unhealthy, with the reason in Docker's health log.

While no worker consumes the probes' queue, the check sends nothing and returns at once: a starting worker is soon
checked again.

Each check is a Python process of its own, in each worker's container. It sends the message itself, because the import
of Celery would take longer than everything else.
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
from landfast_runtime.worker import activity, probe
from landfast_runtime.worker.config import worker_settings

#: Seconds that RabbitMQ may take for each answer.
BROKER_TIMEOUT = 2.0

#: Seconds that a probe may take through broker and pool.
PATIENCE = 6.0


def send_probe() -> bool:
    """Send a probe to the queue that only this container's worker consumes, and return whether the worker consumes it.

    Raises:
        OSError: the broker cannot be reached, or does not answer in time.
        AMQPError: the broker does not accept the probe.
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
    """Return a probe in Celery's format, with the task's name: the application would take seconds to load.

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
    """Return the time of the last probe's run, in seconds since the epoch; 0 if none has run."""
    try:
        return probe.MARK.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def wait_for_mark(before: float) -> bool:
    """Return whether a probe ran after ``before`` and within :data:`PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while last_mark() <= before:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)  # the mark is a file: poll its time until it changes, or the deadline passes
    return True


def check() -> int:
    """Check once, print the result, and return the exit status for Docker."""
    before = last_mark()
    try:
        sent = send_probe()
    except (AMQPError, OSError) as error:
        print(f"RabbitMQ does not accept a probe: {error}")
        return 1
    if sent and wait_for_mark(before):
        return 0
    from landfast_runtime.celery import TASK_TIME_LIMIT  # noqa: PLC0415 - the module's docstring has the reason

    busy, processes = activity.busy(TASK_TIME_LIMIT), worker_settings().concurrency
    if busy >= processes:
        print(f"all {processes} processes run a task")
        return 0
    missed = f"a probe was not consumed within {PATIENCE:g} s" if sent else "no worker consumes the probes' queue"
    print(f"{missed}, though {processes - busy} of {processes} processes are idle")
    return 1
