"""Work for the worker."""

from __future__ import annotations

from celery import shared_task


@shared_task
def add(x: float, y: float) -> float:
    """Return the sum; ``add.delay(4, 4)`` lets a worker do it."""
    return x + y
