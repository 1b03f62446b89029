"""Tasks that beat sends periodically; the timetable is in ``worker/app.py``."""

from __future__ import annotations

from datetime import UTC, datetime

from landfast_runtime.celery import ConfirmedTask

from tasks.celery_app import app


@app.task(base=ConfirmedTask)
def heartbeat() -> str:
    """Return the time: a regular sign in Flower that beat, broker and worker work together."""
    return datetime.now(UTC).isoformat(timespec="seconds")
