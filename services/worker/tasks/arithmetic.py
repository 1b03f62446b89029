"""Arithmetic: a minimal task, for tutorials and smoke tests."""

from __future__ import annotations

from tasks.celery_app import app


@app.task
def add(x: float, y: float) -> float:
    """Return the sum of ``x`` and ``y``."""
    return x + y
