"""Runs a task from its row, like the site's workers."""

from __future__ import annotations

import json
from typing import Any, cast

from celery.app.trace import build_tracer
from landfast_outbox import databases, store
from mysite.celery import app


def run_next() -> store.Message:
    """Run the only waiting task, and return its message. It needs the fixture ``at_work``."""
    with databases.first().connect() as relay:
        [message] = store.take(relay, 10, ())
    args, kwargs, _ = json.loads(message.body)
    request = {**message.headers, "delivery_info": {"redelivered": False}, "hostname": "worker@test"}
    task = app.tasks[message.headers["task"]]
    build_tracer(task.name, task, app=cast("Any", app))(str(message.id), args, kwargs, request)
    return message
