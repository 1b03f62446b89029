"""The Celery application through which Flower monitors workers. It has a broker, and no task.

It neither stores nor reads results: Flower shows the results in the workers' events.
"""

from __future__ import annotations

from config import SERVICE, FlowerSettings
from landfast_runtime.celery import create_celery
from landfast_runtime.env import load

settings = load(SERVICE, FlowerSettings.from_env)

app = create_celery(SERVICE, broker=settings.broker)
