"""The shared application's program for workers and beat: ``celery -A worker.app``."""

from __future__ import annotations

from landfast_outbox import databases
from landfast_outbox.psycopg import PsycopgDatabase
from landfast_runtime.connections import Postgres
from landfast_runtime.env import load
from landfast_runtime.worker.lanes import Lane
from landfast_runtime.worker.program import configure
from tasks.celery_app import QUEUE, app, settings

__all__ = ["app"]

lane = Lane(queues=(QUEUE,))
configure(app, lane, settings.broker)
databases.use(PsycopgDatabase(load("worker", Postgres.from_env)))

#: Beat's timetable, in seconds. https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html
app.conf.beat_schedule = {"sign of life": {"task": "tasks.maintenance.heartbeat", "schedule": 60}}
