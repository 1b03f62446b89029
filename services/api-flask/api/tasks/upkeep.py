"""Clearing up: the ids of tasks that were issued long ago go; their tasks are over and their results are gone."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.orm import Session

from api.background import engine as background_engine
from api.models import Task

#: How long an id is known: as long as the relay keeps a dead letter unless told otherwise (``OUTBOX_KEEP_DEAD``).
LIFETIME = timedelta(days=90)

#: Ids that one transaction removes.
AT_ONCE = 5000


def remove_old_tasks(engine: Engine | None = None) -> int:
    """Remove the ids that were issued longer than :data:`LIFETIME` ago, and return how many there were.

    Args:
        engine: the database; the worker's own unless given.
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
