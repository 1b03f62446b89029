"""The project. Tasks are registered with its Celery application, so that is there before them."""

from .celery import app

__all__ = ["app"]
