"""Rows of earlier releases, run by this release's code; see :mod:`landfast_testing.releases`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest
from celery.app.trace import build_tracer
from dramatiq import Message
from dramatiq.broker import MessageProxy
from landfast_outbox import publisher, store
from landfast_outbox.task import NewTask
from landfast_testing import releases
from tasks.celery_app import app

if TYPE_CHECKING:
    from psycopg import Connection

ROWS = releases.read(Path(__file__).parent / "releases")
ADDITIONS = [label for label, row in ROWS.items() if row["name"] == "tasks.arithmetic.add"]


@pytest.fixture(scope="module", autouse=True)
def _tasks() -> None:
    app.loader.import_default_modules()


def write(connection: Connection[Any], row: dict[str, Any]) -> store.Message:
    """Write a row of an earlier release, and take it like this release's relay."""
    with connection.cursor() as cursor:
        store.insert(cursor, [NewTask(**{**row, "id": UUID(row["id"])})])
    [message] = store.take(connection, 10, ())
    assert publisher.message(message).body == row["body"]
    return message


def run(message: store.Message) -> None:
    """Run a message's task like Celery's worker."""
    args, kwargs, _ = json.loads(message.body)
    task = app.tasks[message.headers["task"]]
    request = {**message.headers, "delivery_info": {"redelivered": False}, "hostname": "worker@test"}
    build_tracer(task.name, task, app=cast("Any", app))(str(message.id), args, kwargs, request)


@pytest.fixture(autouse=True)
def _no_results(monkeypatch: pytest.MonkeyPatch) -> None:
    for mark in ("mark_as_done", "mark_as_started"):
        monkeypatch.setattr(type(app.backend), mark, lambda *_, **__: None)


def test_there_are_rows_of_earlier_releases() -> None:
    assert ROWS
    assert {row["engine"] for row in ROWS.values()} == {"celery", "dramatiq"}


@pytest.mark.parametrize("label", [label for label, row in ROWS.items() if row["engine"] == "celery"])
def test_today_s_worker_knows_the_task_and_its_arguments(label: str) -> None:
    releases.check(app, ROWS[label])


def test_no_task_is_without_a_row_that_the_next_release_is_held_to() -> None:
    assert releases.durable(app, "tasks.") <= {row["name"] for row in ROWS.values()}


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize("label", ADDITIONS)
def test_today_s_worker_completes_it(connection: Connection[Any], label: str) -> None:
    message = write(connection, ROWS[label])
    if ROWS[label]["engine"] == "celery":
        run(message)
    else:
        from worker.dramatiq_app import broker  # noqa: PLC0415 - it names the database, too

        delivered = MessageProxy(Message.decode(message.body.encode()))
        broker.emit_before("process_message", delivered)
        broker.get_actor(delivered.actor_name)(*delivered.args, **delivered.kwargs)
        broker.emit_after("process_message", delivered)
    done = connection.execute("SELECT completed_at IS NOT NULL, result FROM outbox.task").fetchone()
    assert done == (True, "8")
