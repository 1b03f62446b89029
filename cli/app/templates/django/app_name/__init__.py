"""The project. It imports the Celery application first, because tasks are registered with it."""

from .celery import app

__all__ = ["app"]
