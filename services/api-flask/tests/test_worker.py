"""The API's worker, and its scheduled maintenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api import upkeep
from api.celery import QUEUE
from api.celery import app as celery
from api.reports import tasks
from landfast_outbox import databases
from landfast_outbox.celery import DurableTask
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase
from landfast_testing.celery_signals import as_before

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from flask import Flask
    from sqlalchemy import Engine


def test_its_tasks_are_durable_and_go_to_its_own_quorum_queue() -> None:
    celery.loader.import_default_modules()
    own = {name: task for name, task in celery.tasks.items() if name.startswith("api.")}

    assert own
    assert all(isinstance(task, DurableTask) for task in own.values())
    assert {str(celery.amqp.router.route({}, name)["queue"].name) for name in own} == {QUEUE}
    assert celery.amqp.queues[QUEUE].queue_arguments == {"x-queue-type": "quorum"}


def test_a_report_is_handed_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr("api.reports.running.run_report", made.append)

    tasks.run_report.apply(("0b8f",), throw=True)

    assert made == ["0b8f"]


def test_a_worker_s_effects_go_to_the_api_s_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("postgres_password", "rabbitmq_password"):
        (tmp_path / name).write_text("only-for-tests-0123456789")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("RABBITMQ_USER", "api")

    with as_before():
        from api import worker  # noqa: PLC0415 - it reads its settings

    assert isinstance(databases.first(), SQLAlchemyDatabase)
    assert worker.app.conf.broker_url.startswith("amqp://api:")
    databases._named.clear()  # noqa: SLF001 - a process never resets it


def test_upkeep_says_how_much_had_its_time(app: Flask, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "remove_expired_uploads", lambda: 3)
    monkeypatch.setattr(upkeep, "remove_old_tasks", lambda: 5)
    monkeypatch.setattr(upkeep, "engine", lambda: engine)

    done = app.test_cli_runner().invoke(args=["upkeep", "run"])

    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "expired datasets: 3",
        "expired ids of tasks: 5",
        "expired responses: 0",
        "ended keys: 0",
        "rows of owners without keys: 0",
    ]
