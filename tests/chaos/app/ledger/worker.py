"""The worker's application with the ledger's tasks: ``celery -A ledger.worker``."""

from __future__ import annotations

import os

from worker.app import app

from ledger import tasks

__all__ = ["app", "tasks"]

# What the suite must find losses with: a task is acknowledged before it runs, as is Celery's default.
if os.environ.get("CHAOS_EARLY_ACK") == "1":
    app.conf.task_acks_late = False
