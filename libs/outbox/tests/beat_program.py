"""A program of beat, ``celery -A tests.beat_program beat``: it writes its process's number several times a second."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery
from kombu import Queue
from landfast_outbox import databases
from landfast_outbox.celery import DurableTask
from landfast_outbox.psycopg import PsycopgDatabase
from landfast_runtime.connections import Postgres
from landfast_runtime.env import Env
from landfast_runtime.worker import scheduler

app = Celery("beats", broker="memory://", task_cls=DurableTask, set_as_current=False)
app.conf.update(
    task_default_queue="tasks",
    task_queues=[Queue("tasks")],
    beat_schedule={"sign": {"task": "tests.sign", "schedule": 0.1, "args": (os.getpid(),)}},
    beat_scheduler="landfast_runtime.worker.scheduler:TickingScheduler",
    beat_max_loop_interval=1,
)
databases.use(PsycopgDatabase(Postgres.from_env(Env())))
mark = Path(os.environ["BEAT_MARKS"], str(os.getpid()))
scheduler.MARK = mark  # type: ignore[attr-defined]  # a name that it imports


@app.task(name="tests.sign")
def sign(process: int) -> int:
    return process
