"""The shared application's worker: ``celery -A lengthy.worker``."""

from worker.app import app

from lengthy import tasks

__all__ = ["app"]

tasks.register(app)
