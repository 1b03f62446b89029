"""The same Celery on RabbitMQ's quorum queues, with a confirm for each message and late acknowledgement."""

from __future__ import annotations

import bodies
from landfast_runtime.celery import ConfirmedTask
from worker.app import app

nothing = app.task(base=ConfirmedTask, name="bench.plain.nothing")(bodies.nothing)
ten_milliseconds = app.task(base=ConfirmedTask, name="bench.plain.ten_milliseconds")(bodies.ten_milliseconds)
