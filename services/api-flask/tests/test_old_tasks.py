from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from api.models import Task
from api.tasks import upkeep
from sqlalchemy import func, select
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Engine


def test_ids_of_tasks_that_were_issued_long_ago_are_removed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "AT_ONCE", 2)
    kept = uuid.uuid4()
    with Session(engine) as session, session.begin():
        session.add(Task(id=kept, name="tasks.arithmetic.add", created_at=func.now() - upkeep.LIFETIME / 2))
        for _ in range(5):
            session.add(Task(id=uuid.uuid4(), name="tasks.arithmetic.add", created_at=func.now() - upkeep.LIFETIME * 2))

    assert upkeep.remove_old_tasks(engine) == 5
    with Session(engine) as session:
        assert session.scalars(select(Task.id)).all() == [kept]
    assert upkeep.remove_old_tasks(engine) == 0


def test_the_oldest_ids_go_before_their_time_when_there_are_too_many(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "AT_ONCE", 2)
    monkeypatch.setattr(upkeep, "MOST", 3)
    ids = [uuid.uuid4() for _ in range(10)]
    with Session(engine) as session, session.begin():
        for minutes, each in enumerate(ids):
            created_at = func.now() - timedelta(minutes=minutes)
            session.add(Task(id=each, name="tasks.arithmetic.add", created_at=created_at))

    assert upkeep.remove_old_tasks(engine) == 7
    with Session(engine) as session:
        assert set(session.scalars(select(Task.id))) == set(ids[:3])
