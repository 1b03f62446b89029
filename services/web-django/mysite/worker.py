"""The program of the site's workers and of its beat: ``celery -A mysite.worker``.

``WORKER_LANE`` chooses a worker's queues: ``web``, or ``mail`` for what waits for a mail server (:mod:`mysite.lanes`).
docs/adr/0022 has the reasons.
"""

from __future__ import annotations

import os
import sys
from typing import Any

# Before Celery looks for it.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings_worker")
# Django's checks load every page, 14 MB in each process. The site's tests run them.
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
    mail_settings()  # a bad one stops the worker at once
configure(app, LANE, load("worker", RabbitMQ.from_env), scheduler="mysite.scheduler:Scheduler")
# Celery would close Django's connection before and after each task, and a new one takes longer than most of them.
app.conf.update(CELERY_DB_REUSE_MAX=sys.maxsize)
databases.use(DjangoDatabase(load("worker", Postgres.from_env)))


@signals.worker_shutting_down.connect
def break_off_letters(**_: Any) -> None:  # noqa: ANN401 - Celery's signals pass what they like
    """Let a worker that stops wait for no mail server that cannot have taken its letter yet."""
    from mailer.conversation import conversations  # noqa: PLC0415 - only a worker that stops needs it

    conversations.break_off()


@signals.task_prerun.connect
def drop_broken_connections(**_: Any) -> None:  # noqa: ANN401 - as above
    """Let a task start without a connection of Django's that failed the one before."""
    from django.db import close_old_connections  # noqa: PLC0415 - Django's settings must be there first

    close_old_connections()


signals.task_retry.connect(refused_logins.report)
