"""Removal of old tasks' ids: their tasks are over, and their results have expired.

Strangers may send tasks, so that the number of ids has a bound, too.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, delete, func, or_, select
from sqlalchemy.orm import Session

from api.background import engine as background_engine
from api.models import Task

#: The lifetime of an id: the relay's default for the retention of dead letters (``OUTBOX_KEEP_DEAD``).
LIFETIME = timedelta(days=90)

#: The most ids that are kept; beyond that, the oldest are removed before their time.
MOST = 100_000

#: The most ids that one transaction removes.
AT_ONCE = 5000


def remove_old_tasks(engine: Engine | None = None) -> int:
    """Remove the ids that are older than :data:`LIFETIME` or beyond :data:`MOST`, and return their number.

    Args:
        engine: the database; the worker's own by default.
    """
    engine = engine or background_engine()
    newest_beyond = select(Task.created_at).order_by(Task.created_at.desc()).offset(MOST).limit(1).scalar_subquery()
    is_old = or_(Task.created_at < func.now() - LIFETIME, Task.created_at <= newest_beyond)
    old = select(Task.id).where(is_old).limit(AT_ONCE)
    removed = 0
    while True:
        with Session(engine) as session, session.begin():
            found = session.scalars(delete(Task).where(Task.id.in_(old)).returning(Task.id)).all()
        removed += len(found)
        if len(found) < AT_ONCE:
            return removed
