"""Nothing is kept for ever: the hourly upkeep reaches every table of the API."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from api import upkeep
from api.crud.models import Label, Unit
from api.datasets import upkeep as datasets
from api.datasets.models import Dataset, DatasetPart
from api.idempotency.models import StoredAnswer
from api.keys.models import ApiKey
from api.models import Task
from api.reports.models import Report
from api.tables import Base
from api.tasks import upkeep as tasks
from sqlalchemy import func, select
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    import pytest
    from flask import Flask
    from sqlalchemy import Engine

LONG_AGO = datetime.now(UTC) - timedelta(days=100)


def counts(engine: Engine) -> dict[str, int | None]:
    """Return the number of rows by table."""
    with Session(engine) as session:
        tables = Base.metadata.sorted_tables
        return {table.name: session.scalar(select(func.count()).select_from(table)) for table in tables}


def test_a_row_of_each_table_goes_when_its_time_is_over(
    app: Flask, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((upkeep, "engine"), (datasets, "background_engine"), (tasks, "background_engine")):
        monkeypatch.setattr(module, name, lambda: engine)
    key = ApiKey(id=uuid.uuid4(), name="x", prefix="0" * 12, digest=b"", scopes=[], revoked_at=LONG_AGO)
    dataset = Dataset(
        id=uuid.uuid4(), owner=key.id, name="x", columns="a:text", rows=1, parts=1, bytes=1, expires_at=LONG_AGO
    )
    answer = {"caller": "x", "path": "/", "key": "x", "fingerprint": b"", "status": 202, "headers": {}, "body": b""}
    with Session(engine) as session, session.begin():
        session.add_all([key, dataset, Task(id=uuid.uuid4(), name="x", created_at=LONG_AGO)])
        session.flush()
        session.add_all(
            [
                DatasetPart(dataset_id=dataset.id, number=0, rows=[["x"]]),
                Report(id=uuid.uuid4(), owner=key.id, dataset_id=dataset.id, definition={}),
                Unit(owner=key.id, symbol="x", name="x", quantity="x"),
                Label(owner=key.id, name="x"),
                StoredAnswer(**answer, expires_at=LONG_AGO),
            ]
        )
    assert counts(engine) == dict.fromkeys(Base.metadata.tables, 1), "a new table needs a clean-up"

    done = app.test_cli_runner().invoke(args=["upkeep", "run"])
    assert done.exit_code == 0, done.output
    assert counts(engine) == dict.fromkeys(Base.metadata.tables, 0)
