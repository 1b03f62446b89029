"""Removal of expired datasets, with their rows and reports."""

from __future__ import annotations

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.orm import Session

from api.background import engine as background_engine
from api.datasets.models import Dataset

#: The most datasets that one transaction removes: a large one has thousands of parts.
AT_ONCE = 5


def remove_expired_uploads(engine: Engine | None = None) -> int:
    """Remove expired datasets, and return their number.

    Args:
        engine: the database; the worker's own by default.
    """
    engine = engine or background_engine()
    removed = 0
    while True:
        with Session(engine) as session, session.begin():
            expired = select(Dataset.id).where(Dataset.expires_at < func.now()).order_by(Dataset.expires_at)
            found = session.scalars(expired.limit(AT_ONCE).with_for_update(skip_locked=True)).all()
            session.execute(delete(Dataset).where(Dataset.id.in_(found)))
        if not found:
            return removed
        removed += len(found)
