"""The Celery application that Flower watches workers through: a broker, and no task.

It keeps no results and reads none: Flower shows those that workers send in their events.
"""

from __future__ import annotations

from config import SERVICE, FlowerSettings
from landfast_runtime.celery import create_celery
from landfast_runtime.env import load

settings = load(SERVICE, FlowerSettings.from_env)

app = create_celery(SERVICE, broker=settings.broker)
