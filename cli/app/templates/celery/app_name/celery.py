"""The Celery application; its variables come from ``x-environment`` in compose.yaml."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("app_name", include=["app_name.tasks"])
app.conf.update(
    broker_url=os.environ.get("CELERY_BROKER_URL", ""),
    result_backend="rpc://",  # results go through the broker to the sender of the task
    task_acks_late=True,  # another worker repeats the task of one that dies: tasks must be idempotent
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)
