"""The program of the API's worker: ``celery -A api.worker``."""

from __future__ import annotations

from landfast_outbox import databases
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase
from landfast_runtime.connections import Postgres, RabbitMQ
from landfast_runtime.env import load
from landfast_runtime.worker.lanes import Lane
from landfast_runtime.worker.program import configure

from api.background import engine
from api.celery import QUEUE, app

__all__ = ["app"]

configure(app, Lane(queues=(QUEUE,)), load("worker", RabbitMQ.from_env))
databases.use(SQLAlchemyDatabase(engine, load("worker", Postgres.from_env)))
