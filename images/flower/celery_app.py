"""The Celery applications through which Flower monitors workers. They have a broker, and no task.

They neither store nor read results: Flower shows the results in the workers' events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from config import SERVICE, FlowerSettings
from landfast_runtime.celery import create_celery

if TYPE_CHECKING:
    from celery import Celery


def application(settings: FlowerSettings) -> Celery[Any]:
    """Return the application for a vhost."""
    return create_celery(SERVICE, broker=settings.broker)
