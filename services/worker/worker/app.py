"""The application as workers and beat run it: ``celery -A worker.app``."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Any

# Before Celery looks for it: tasks run the site's code, with its models.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "worker.settings")

from celery import signals
from kombu import Queue
from landfast_outbox import databases
from landfast_outbox.django.database import DjangoDatabase
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase
from landfast_runtime.celery import configure_logging, configure_worker
from landfast_runtime.connections import Postgres
from landfast_runtime.env import load
from mailer.config import mail_settings
from tasks.celery_app import app

from worker import refused_logins, slots
from worker.config import worker_settings
from worker.lanes import LANES
from worker.renewal import Renewal

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["app"]

settings = worker_settings()
lane = LANES[settings.lane]
renewal = Renewal(settings.growth, settings.concurrency if lane.pool == "prefork" else 0)
configure_worker(app)
postgres = load("worker", Postgres.from_env)
app.conf.update(
    worker_concurrency=settings.concurrency,
    beat_scheduler="worker.scheduler:TickingScheduler",
    beat_max_loop_interval=5,
    # Celery would close Django's connection before and after each task, and a new one takes longer than most of them.
    CELERY_DB_REUSE_MAX=sys.maxsize,
    **lane.celery,
)


def probe_queue() -> Queue:
    """Return the queue that only this worker consumes; the broker drops it two minutes after the worker is gone."""
    name = f"probe.{socket.gethostname()}"
    return Queue(name, routing_key=name, expires=120, queue_arguments={"x-queue-type": "classic"})


def api_engine() -> Engine:
    """Return the API's database; its code is loaded when the first of its tasks runs."""
    from api.background import engine  # noqa: PLC0415

    return engine()


@signals.setup_logging.connect
def log_as_json(**_: Any) -> None:  # noqa: ANN401 - Celery's signals pass what they like
    """Replace Celery's own logging."""
    configure_logging(settings.service, settings.log_level)


@signals.celeryd_after_setup.connect
def prepare_worker(instance: Any, **_: Any) -> None:  # noqa: ANN401
    """Name the databases of tasks, see that a bad mail setting stops the worker, and choose what it consumes."""
    mail_settings()
    databases.use(DjangoDatabase(postgres))
    databases.use(SQLAlchemyDatabase(api_engine, postgres), "api")
    slots.clear()
    instance.app.amqp.queues.select(lane.queues)
    instance.app.amqp.queues.select_add(probe_queue())


@signals.worker_shutting_down.connect
def break_off_letters(**_: Any) -> None:  # noqa: ANN401
    """Let a worker that stops wait for no mail server that cannot have taken its letter yet."""
    from mailer.conversation import conversations  # noqa: PLC0415 - only a worker that stops needs it

    conversations.break_off()


@signals.task_prerun.connect
def drop_broken_connections(**_: Any) -> None:  # noqa: ANN401
    """Let a task start without a connection of Django's that failed the one before."""
    from django.db import close_old_connections  # noqa: PLC0415 - Django's settings must be there first

    close_old_connections()


renewal.connect()
signals.worker_process_shutdown.connect(slots.leave)
signals.task_prerun.connect(slots.occupy)
signals.task_postrun.connect(slots.release)
signals.task_retry.connect(refused_logins.report)
