"""What Dramatiq's worker runs: ``dramatiq worker.dramatiq_app``. Celery's worker and this one share every task's body.

Each thread has its own connections; what a task's effects go to is named as in :mod:`worker.app`.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "worker.settings")

import logging.config

import django
import dramatiq
from landfast_outbox import databases
from landfast_outbox.actors import DurableActor, make_broker
from landfast_outbox.django.database import DjangoDatabase
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase
from landfast_runtime.celery import TASK_TIME_LIMIT
from landfast_runtime.connections import Postgres
from landfast_runtime.env import load
from landfast_runtime.logs import logging_config
from tasks.actors import DRAMATIQ_QUEUE
from tasks.arithmetic import add
from tasks.celery_app import settings as celery_settings

from worker.app import api_engine
from worker.config import worker_settings
from worker.dramatiq_renewal import RenewingMiddleware

logging.config.dictConfig(logging_config("worker-dramatiq", worker_settings().log_level))
django.setup()

postgres = load("worker-dramatiq", Postgres.from_env)
databases.use(DjangoDatabase(postgres))
databases.use(SQLAlchemyDatabase(api_engine, postgres), "api")

broker = make_broker(celery_settings.broker, TASK_TIME_LIMIT)
broker.add_middleware(RenewingMiddleware(worker_settings().growth))
dramatiq.set_broker(broker)

#: Celery's tasks that are actors, too: whoever wants one more adds it here.
for task in (add,):
    declare = dramatiq.actor(actor_class=DurableActor, actor_name=task.name, queue_name=DRAMATIQ_QUEUE)
    declare(task.run)
