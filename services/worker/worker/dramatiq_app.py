"""The program of Dramatiq's worker: ``dramatiq worker.dramatiq_app``. It shares every task's body with Celery's worker.

Each thread has its own connections; databases have the same names as in :mod:`worker.app`.
"""

from __future__ import annotations

import logging.config

import dramatiq
from landfast_outbox import databases
from landfast_outbox.actors import DurableActor, make_broker
from landfast_outbox.psycopg import PsycopgDatabase
from landfast_runtime.celery import TASK_TIME_LIMIT
from landfast_runtime.connections import Postgres
from landfast_runtime.env import load
from landfast_runtime.logs import logging_config
from landfast_runtime.worker.config import worker_settings
from landfast_runtime.worker.dramatiq_renewal import RenewingMiddleware
from tasks.actors import DRAMATIQ_QUEUE
from tasks.arithmetic import add
from tasks.celery_app import settings as celery_settings

logging.config.dictConfig(logging_config("worker-dramatiq", worker_settings().log_level))
databases.use(PsycopgDatabase(load("worker-dramatiq", Postgres.from_env)))

broker = make_broker(celery_settings.broker, TASK_TIME_LIMIT)
broker.add_middleware(RenewingMiddleware(worker_settings().growth))
dramatiq.set_broker(broker)

#: Celery's tasks that are actors, too; add further ones here.
for task in (add,):
    declare = dramatiq.actor(actor_class=DurableActor, actor_name=task.name, queue_name=DRAMATIQ_QUEUE)
    declare(task.run)
