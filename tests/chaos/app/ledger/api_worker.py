"""The API's worker with the ledger's task: ``celery -A ledger.api_worker``."""

from __future__ import annotations

from api.worker import app

from ledger import flask_tasks
from ledger.early import acknowledge_early_if_asked

__all__ = ["app", "flask_tasks"]

acknowledge_early_if_asked(app)
