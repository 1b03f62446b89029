"""The program of the site's workers and of its beat: ``celery -A mysite.worker``.

``WORKER_LANE`` chooses a worker's queues: ``web``, or ``mail`` for tasks that wait for a mail server
(:mod:`mysite.lanes`).
docs/adr/0022 has the reasons.
"""

from __future__ import annotations

import os
import sys
from typing import Any

# Before Celery reads it.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings_worker")
# Django's checks load every view, 14 MB in each process. The site's tests run the checks.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")

from celery import signals
from landfast_outbox import databases
from landfast_outbox.django.database import DjangoDatabase
from landfast_runtime.connections import Postgres, RabbitMQ
from landfast_runtime.env import load
from landfast_runtime.worker.program import configure
from mailer import refused_logins
from mailer.config import mail_settings

from mysite.celery import app
from mysite.lanes import LANE, SENDS_MAIL

__all__ = ["app"]

if SENDS_MAIL:
    mail_settings()  # bad settings stop the worker at once
configure(app, LANE, load("worker", RabbitMQ.from_env), scheduler="mysite.scheduler:Scheduler")
# Celery would close Django's connection before and after each task, and a new one takes longer than most tasks.
app.conf.update(CELERY_DB_REUSE_MAX=sys.maxsize)
databases.use(DjangoDatabase(load("worker", Postgres.from_env)))


@signals.worker_shutting_down.connect
def interrupt_conversations(**_: Any) -> None:  # noqa: ANN401 - arguments of a signal
    """Interrupt conversations before the final dot, so that a stopping worker does not wait for them."""
    from mailer.conversation import conversations  # noqa: PLC0415 - only a stopping worker needs it

    conversations.break_off()


@signals.task_prerun.connect
def drop_broken_connections(**_: Any) -> None:  # noqa: ANN401 - as above
    """Close a connection of Django's that failed in the last task."""
    from django.db import close_old_connections  # noqa: PLC0415 - needs Django's settings

    close_old_connections()


signals.task_retry.connect(refused_logins.report)
