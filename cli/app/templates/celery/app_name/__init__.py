"""The tasks, and the Celery application that runs them."""

from .celery import app

__all__ = ["app"]
