"""Whether the worker consumes: it is healthy if a task that is sent to it gets run.

A worker can live, answer ``inspect ping`` and still consume nothing after its broker was restarted
(https://github.com/celery/celery/discussions/9054), so nothing less than consumption proves it. Three cases:

- the probe came through: healthy;
- it did not, but every process of the pool is at work on a task within its time limit: healthy, and full;
- neither: unhealthy, with the reason in Docker's health log.

Nothing is sent, and nobody waits, while no worker listens to the probes' queue: one that starts is asked again at once.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from amqp.exceptions import NotFound
from kombu.exceptions import OperationalError

from landfast_runtime.celery import BROKER_TIMEOUT, TASK_TIME_LIMIT, create_celery
from landfast_runtime.connections import RabbitMQ
from landfast_runtime.env import load
from landfast_runtime.worker import probe, slots
from landfast_runtime.worker.config import worker_settings

if TYPE_CHECKING:
    from kombu import Connection, Queue

#: Seconds that a probe may take through broker and pool.
PATIENCE = 6.0


def send_probe() -> bool:
    """Send a probe to the queue that only this container's worker consumes, and return whether it does.

    It goes by its name: the application would take seconds to load, and each worker has another one.

    Raises:
        OperationalError: the broker cannot be reached, or does not take it.
    """
    app = create_celery("probe", load("worker", RabbitMQ.from_env))
    queue: Any = probe.queue(sending=True)  # to types a task's queue is a name
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1)
        if not has_consumer(queue, connection):
            return False
        app.send_task(
            probe.NAME,
            queue=queue,
            exchange=queue.exchange.name,  # or Celery would take the default one
            routing_key=queue.routing_key,
            connection=connection,
            expires=probe.EXPIRES,
            ignore_result=True,
            confirm_timeout=BROKER_TIMEOUT,
        )
    return True


def has_consumer(queue: Queue, connection: Connection) -> bool:
    """Return whether anybody consumes a queue; nobody does if there is none."""
    try:
        declared: Any = queue.bind(connection).queue_declare(passive=True)  # its types know of the name alone
    except NotFound:
        return False
    return bool(declared.consumer_count)


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
    except (OperationalError, OSError) as error:
        print(f"RabbitMQ does not take a probe: {error}")
        return 1
    if sent and wait_for_mark(before):
        return 0
    busy, all_slots = slots.busy(TASK_TIME_LIMIT), worker_settings().concurrency
    if busy >= all_slots:
        print(f"all {all_slots} processes are at work")
        return 0
    missed = f"a probe was not consumed within {PATIENCE:g} s" if sent else "nobody listens to the probes' queue"
    print(f"{missed}, though {all_slots - busy} of {all_slots} processes are idle")
    return 1
