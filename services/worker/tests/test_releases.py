"""One release's tasks against the next one's worker: rows as earlier releases wrote them, run by today's code.

``releases/NAME.json`` holds what a release wrote, and is never changed. A task that is renamed, or takes other
arguments, keeps its old name and arguments for as long as rows of them may wait.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest
from celery.app.trace import build_tracer
from dramatiq import Message
from dramatiq.broker import MessageProxy
from landfast_outbox import databases, publisher, store
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase
from landfast_outbox.task import NewTask
from landfast_runtime.connections import Postgres
from sqlalchemy import text
from tasks.celery_app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from landfast_testing.outbox import Outbox
    from sqlalchemy import Engine

FOLDER = Path(__file__).parent / "releases"
ROWS = {
    f"{path.stem}: {row['engine']} {row['name']}": row
    for path in sorted(FOLDER.glob("*.json"))
    for row in json.loads(path.read_text(encoding="utf-8"))
}
ADDITIONS = [label for label, row in ROWS.items() if row["name"] == "tasks.arithmetic.add"]


@pytest.fixture(scope="module", autouse=True)
def _tasks() -> None:
    app.loader.import_default_modules()


@pytest.fixture
def at_work(database: Engine, outbox: Outbox) -> Iterator[Engine]:  # noqa: ARG001 - empties the table
    """The database, named as a worker names it."""
    postgres = Postgres(str(database.url.host), 5432, "worker", str(database.url.username), "")
    databases.use(SQLAlchemyDatabase(lambda: database, postgres))
    yield database
    databases._named.clear()  # noqa: SLF001 - a process never wants it back


def write(engine: Engine, row: dict[str, Any]) -> store.Message:
    """Write a row as it was then, and take it as today's relay does."""
    with engine.begin() as connection:
        raw: Any = connection.connection.driver_connection
        with raw.cursor() as cursor:
            store.insert(cursor, [NewTask(**{**row, "id": UUID(row["id"])})])
        [message] = store.take(raw, 10, ())
    assert publisher.message(message).body == row["body"]
    return message


def test_there_are_rows_of_earlier_releases() -> None:
    assert ROWS
    assert {row["engine"] for row in ROWS.values()} == {"celery", "dramatiq"}


@pytest.mark.parametrize("label", [label for label, row in ROWS.items() if row["engine"] == "celery"])
def test_today_s_worker_knows_the_task_and_its_arguments(label: str) -> None:
    row = ROWS[label]
    task = app.tasks[row["headers"]["task"]]
    args, kwargs, _ = json.loads(row["body"])
    cast("Any", task).__header__(*args, **kwargs)


def test_no_task_is_without_a_row_that_the_next_release_is_held_to() -> None:
    own = {name for name, task in app.tasks.items() if name.startswith("tasks.") and hasattr(task, "ordered")}
    assert own <= {row["name"] for row in ROWS.values()}


@pytest.mark.parametrize("label", ADDITIONS)
def test_today_s_worker_completes_it(at_work: Engine, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    message = write(at_work, ROWS[label])
    if ROWS[label]["engine"] == "celery":
        args, kwargs, _ = json.loads(message.body)
        task = app.tasks[message.headers["task"]]
        request = {**message.headers, "delivery_info": {"redelivered": False}, "hostname": "worker@test"}
        monkeypatch.setattr(type(app.backend), "mark_as_done", lambda *_, **__: None)
        monkeypatch.setattr(type(app.backend), "mark_as_started", lambda *_, **__: None)
        build_tracer(task.name, task, app=cast("Any", app))(str(message.id), args, kwargs, request)
    else:
        from worker.dramatiq_app import broker  # noqa: PLC0415 - it sets up Django

        databases.use(SQLAlchemyDatabase(lambda: at_work, Postgres("", 5432, "worker", "", "")))
        delivered = MessageProxy(Message.decode(message.body.encode()))
        broker.emit_before("process_message", delivered)
        broker.get_actor(delivered.actor_name)(*delivered.args, **delivered.kwargs)
        broker.emit_after("process_message", delivered)
    with at_work.connect() as connection:
        done = connection.execute(text("SELECT completed_at IS NOT NULL, result FROM outbox.task")).one()
    assert tuple(done) == (True, "8")
