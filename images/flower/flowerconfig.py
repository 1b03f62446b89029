"""Flower's configuration; Flower reads the names below as its options.

https://flower.readthedocs.io/en/latest/config.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from celery import states
from celery_app import settings
from config import SERVICE
from landfast_runtime.celery import configure_logging

if TYPE_CHECKING:
    from celery.events.state import Task

_broker = settings.broker
configure_logging(SERVICE, settings.log_level)

address = "0.0.0.0"  # noqa: S104 - reachable on the container networks only; Nginx forwards requests of operators
port = settings.place["port"]
url_prefix = settings.place["path"].strip("/")
basic_auth = [f"{settings.user}:{settings.password}"]
broker_api = f"http://{_broker.user}:{quote(_broker.password, safe='')}@{_broker.host}:15672/rabbitmq/api/"

persistent = True
db = str(settings.state)
state_save_interval = 60_000  # milliseconds
purge_offline_workers = 600  # seconds
max_tasks = 10_000


def format_task(task: Task) -> Task:
    """Return a task as Flower shows it. A failed durable task gets the address for its retry, which Flower cannot do.

    Args:
        task: a copy, which this function may change.
    """
    if task.state == states.FAILURE and settings.is_in_console:
        shown: Any = task
        shown.retry_it_at = f"/console/outbox/task/?q={task.uuid}"
        shown._fields = (*shown._fields, "retry_it_at")  # the page of a task shows these
    return task
