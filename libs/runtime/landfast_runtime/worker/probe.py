"""A task that proves consumption: it goes through the broker into this very worker, and leaves a mark.

The health check starts a Python process for each probe, so this module imports nothing that takes time to import.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

    from celery import Celery
    from kombu import Queue

#: The task's name: all that the health check knows of the worker's application.
NAME = "probe.consume"

#: The exchange of probes.
EXCHANGE = "probe"

#: Seconds that a probe may wait for its worker.
EXPIRES = 60

#: Touched by each probe that ran; the health check reads its age. /tmp is the container's own tmpfs.
MARK = Path("/tmp/worker-consumed")  # noqa: S108


def queue_name() -> str:
    """Return the name of the queue that only this container's worker consumes; it is the probes' routing key, too."""
    return f"probe.{socket.gethostname()}"


def queue() -> Queue:
    """Return that queue for the worker; the broker drops it two minutes after the worker.

    It has an exchange of its own: a user that may publish to the default exchange may publish to every queue.
    """
    from kombu import Exchange, Queue  # noqa: PLC0415 - the module's docstring has the reason

    return Queue(
        queue_name(),
        Exchange(EXCHANGE, type="direct", durable=True),
        routing_key=queue_name(),
        expires=120,
        queue_arguments={"x-queue-type": "classic"},
    )


def is_of_others(record: logging.LogRecord) -> bool:
    """Return whether a log line of Kombu's concerns another exchange: the warning about this one is irrelevant."""
    return not record.getMessage().startswith(f"Exchange {EXCHANGE} is a direct exchange")


def consume() -> None:
    """Touch :data:`MARK`."""
    MARK.write_text(str(time.time()), encoding="ascii")


def declare(app: Celery[Any]) -> None:
    """Register the task with a worker's application."""
    from landfast_runtime.celery import ConfirmedTask  # noqa: PLC0415 - the module's docstring has the reason

    app.task(base=ConfirmedTask, name=NAME, ignore_result=True, send_events=False, internal=True)(consume)
