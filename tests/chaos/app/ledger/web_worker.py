"""The site's worker with the ledger's task: ``celery -A ledger.web_worker``."""

from __future__ import annotations

from mysite.worker import app

from ledger import django_tasks
from ledger.early import acknowledge_early_if_asked

__all__ = ["app", "django_tasks"]

acknowledge_early_if_asked(app)
