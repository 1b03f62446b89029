"""Celery on Redis as well-known templates generate it: broker and results there, all else left at its default.

Source: cookiecutter-django's ``config/settings/base.py``, its Celery section.
https://github.com/cookiecutter/cookiecutter-django
"""

from __future__ import annotations

from pathlib import Path

import bodies
from celery import Celery
from landfast_runtime.connections import Redis

_redis = Redis("redis", 6379, "operator", Path("/run/operator/operator").read_text(encoding="utf-8").strip())

app = Celery("defaults", broker=_redis.url, backend=_redis.url)
app.conf.update(
    result_extended=True,
    result_backend_always_retry=True,
    result_backend_max_retries=10,
    accept_content=["json"],
    task_time_limit=5 * 60,
    task_soft_time_limit=60,
    worker_send_task_events=True,
    task_send_sent_event=True,
    worker_hijack_root_logger=False,
)

nothing = app.task(name="bench.redis.nothing")(bodies.nothing)
ten_milliseconds = app.task(name="bench.redis.ten_milliseconds")(bodies.ten_milliseconds)
