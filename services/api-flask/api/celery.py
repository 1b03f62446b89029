"""The API's Celery application, ``api``; its tasks are beside their domain.

Tasks are durable: they are written in the caller's transaction, and run to their end once that has committed. So a
request sends tasks without a broker; :mod:`api.worker` has the broker.
"""

from __future__ import annotations

from landfast_outbox.celery import DurableTask
from landfast_runtime.celery import create_celery

QUEUE = "api"

app = create_celery("api", include=["api.reports.tasks"], queues=[QUEUE], task_class=DurableTask)
