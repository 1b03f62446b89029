"""This stack's durable tasks, on its own worker."""

from __future__ import annotations

import bodies
from worker.app import app

nothing = app.task(name="bench.durable.nothing")(bodies.nothing)
ten_milliseconds = app.task(name="bench.durable.ten_milliseconds")(bodies.ten_milliseconds)
note_latency = app.task(name="bench.durable.note_latency")(bodies.note_latency)
