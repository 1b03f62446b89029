"""A worker like each room's, with a task that leaks: ``celery -A tests.leaking.worker``. It is its own relay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import signals
from kombu.transport import TRANSPORT_ALIASES
from landfast_outbox import databases, store
from landfast_outbox.databases import connect
from landfast_outbox.psycopg import PsycopgDatabase
from landfast_runtime.connections import Postgres
from landfast_runtime.env import Env
from landfast_runtime.worker import activity
from landfast_runtime.worker.lanes import Lane, chosen
from landfast_runtime.worker.program import configure
from tasks.celery_app import QUEUE, app, settings

from tests.leaking import tasks

__all__ = ["app", "tasks"]

lane = chosen({"processes": Lane((QUEUE,)), "threads": Lane((QUEUE,), pool="threads", waiting=0)})
configure(app, lane, settings.broker)
postgres = Postgres.from_env(Env())
databases.use(PsycopgDatabase(postgres))

TRANSPORT_ALIASES["polled"] = "tests.leaking.broker:Transport"
app.conf.update(broker_url="polled://", worker_send_task_events=False)

activity.DIRECTORY = Path(os.environ["ACTIVITY"])

#: The number of this process's starts: a worker that re-executes itself keeps its variables.
os.environ["STARTS"] = str(int(os.environ.get("STARTS", "0")) + 1)


@signals.worker_ready.connect
def publish(**_: Any) -> None:  # noqa: ANN401 - arguments of a signal
    """Publish all open tasks; messages of an earlier start in this process were lost with its memory."""
    with connect(postgres, "test") as connection:
        connection.execute("UPDATE outbox.task SET published_at = NULL WHERE completed_at IS NULL")
        messages = store.take(connection, 1000, ())
    with app.producer_pool.acquire(block=True) as producer:
        for message in messages:
            producer.publish(
                message.body, headers=message.headers, correlation_id=str(message.id), exchange="tasks",
                routing_key=lane.queues[0], content_type="application/json", content_encoding="utf-8",
            )  # fmt: skip
