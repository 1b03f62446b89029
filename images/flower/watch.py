"""Flower for one vhost: its options, and its thread.

https://flower.readthedocs.io/en/latest/config.html
"""

from __future__ import annotations

import logging
from threading import Event, Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from celery import states
from celery_app import application
from flower.app import Flower  # type: ignore[import-untyped]  # it has no types of its own
from flower.events import get_prometheus_metrics  # type: ignore[import-untyped]
from flower.options import default_options  # type: ignore[import-untyped]
from flower.urls import settings as of_pages  # type: ignore[import-untyped]
from tornado.ioloop import IOLoop

if TYPE_CHECKING:
    from celery.events.state import Task
    from config import FlowerSettings

logger = logging.getLogger(__name__)

get_prometheus_metrics()  # made at the first call, which two threads would make at once


def options(settings: FlowerSettings) -> SimpleNamespace:
    """Return Flower's options: its defaults, and those that differ."""
    broker = settings.broker

    def format_task(task: Task) -> Task:
        """Return a task as Flower shows it; a failed durable task gets the address for its retry, in the console.

        Args:
            task: a copy, which this function may change.
        """
        if task.state == states.FAILURE and settings.is_in_console:
            shown: Any = task
            shown.retry_it_at = f"/console/outbox/task/?q={task.uuid}"
            shown._fields = (*shown._fields, "retry_it_at")  # the page of a task shows these
        return task

    return SimpleNamespace(
        **default_options.as_dict()
        | {
            "address": "0.0.0.0",  # noqa: S104 - reachable on the container networks only; Nginx forwards requests of operators
            "port": settings.place["port"],
            "url_prefix": settings.place["path"].strip("/"),
            "basic_auth": [f"{settings.user}:{settings.password}"],
            "broker_api": f"http://{broker.user}:{quote(broker.password, safe='')}@{broker.host}:15672/rabbitmq/api/",
            "persistent": True,
            "db": str(settings.state),
            "state_save_interval": 60_000,  # milliseconds
            "purge_offline_workers": 600,  # seconds
            "max_tasks": 10_000,
            "format_task": format_task,
        }
    )


class Watch:
    """The Flower of a vhost, in a thread of its own with its own event loop: if one hangs, the others answer.

    Args:
        settings: of the vhost.
    """

    def __init__(self, settings: FlowerSettings) -> None:
        self._settings = settings
        self._flower: Any = None
        self._is_stopped = Event()
        # A daemon, for a Flower that hangs must not prevent the end of the process.
        self._thread = Thread(target=self._run, name=f"flower {settings.broker.vhost}", daemon=True)

    @property
    def is_running(self) -> bool:
        """Whether it runs; it ends only when it is stopped, or fails."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def stop(self) -> None:
        """Tell it to save what it shows and to end."""
        self._is_stopped.set()
        if self._flower:
            self._flower.io_loop.add_callback(self._flower.stop)

    def join(self, seconds: float) -> None:
        """Wait for its end, at most for so many seconds."""
        self._thread.join(seconds)

    def _run(self) -> None:
        """Run Flower as its command does, which knows one Flower in a process."""
        vhost, place = self._settings.broker.vhost, self._settings.place
        prefix = place["path"].rstrip("/")
        pages = of_pages | {name: f"{prefix}{of_pages[name]}" for name in ("login_url", "static_url_prefix")}
        try:
            app, own = application(self._settings), options(self._settings)
            self._flower = Flower(capp=app, options=own, io_loop=IOLoop(), **pages)
            if self._is_stopped.is_set():
                return
            self._flower.start_http_server()
            logger.info("watching a vhost", extra={"vhost": vhost, "port": place["port"], "path": place["path"]})
            self._flower.start()
        except Exception:
            logger.exception("the Flower of vhost %s has failed", vhost)
