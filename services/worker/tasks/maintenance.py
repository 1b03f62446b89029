"""Upkeep that beat starts by the clock."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.celery_app import app


@app.task
def heartbeat() -> str:
    """Return the time: a regular sign in Flower that beat, broker and worker hold together."""
    return datetime.now(UTC).isoformat(timespec="seconds")
