"""The tasks."""

from __future__ import annotations

from celery import shared_task


@shared_task
def add(x: float, y: float) -> float:
    """Return the sum; ``add.delay(4, 4)`` sends it to a worker."""
    return x + y
