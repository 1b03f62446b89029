"""Removal of old tasks' ids: their tasks are over, and their results have expired."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.orm import Session

from api.background import engine as background_engine
from api.models import Task

#: The lifetime of an id: the relay's default for the retention of dead letters (``OUTBOX_KEEP_DEAD``).
LIFETIME = timedelta(days=90)

#: The most ids that one transaction removes.
AT_ONCE = 5000


def remove_old_tasks(engine: Engine | None = None) -> int:
    """Remove the ids that are older than :data:`LIFETIME`, and return their number.

    Args:
        engine: the database; the worker's own by default.
    """
    engine = engine or background_engine()
    old = select(Task.id).where(Task.created_at < func.now() - LIFETIME).limit(AT_ONCE)
    removed = 0
    while True:
        with Session(engine) as session, session.begin():
            found = session.scalars(delete(Task).where(Task.id.in_(old)).returning(Task.id)).all()
        removed += len(found)
        if len(found) < AT_ONCE:
            return removed
