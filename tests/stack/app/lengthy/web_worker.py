"""The site's worker: ``celery -A lengthy.web_worker``."""

from mysite.worker import app

from lengthy import tasks

__all__ = ["app"]

tasks.register(app)
