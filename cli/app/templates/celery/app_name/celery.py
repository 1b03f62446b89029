"""The Celery application; its variables come from ``x-environment`` in compose.yaml."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("app_name", include=["app_name.tasks"])
app.conf.update(
    broker_url=os.environ.get("CELERY_BROKER_URL", ""),
    result_backend="rpc://",  # results go back over the broker to whoever asked
    task_acks_late=True,  # a task whose worker dies is done by another: let tasks bear to be done twice
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)
