"""This stack's durable tasks, on its own worker."""

from __future__ import annotations

import bodies
from worker.app import app

QUEUE = "tasks.bench"

nothing = app.task(name="bench.durable.nothing", queue=QUEUE)(bodies.nothing)
ten_milliseconds = app.task(name="bench.durable.ten_milliseconds", queue=QUEUE)(bodies.ten_milliseconds)
note_latency = app.task(name="bench.durable.note_latency", queue=QUEUE)(bodies.note_latency)
