"""Lanes: which worker consumes which queue, and what becomes of a letter's row."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from celery.app.trace import build_tracer
from landfast_outbox import consumer, databases, store
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase
from landfast_runtime.celery import TASK_TIME_LIMIT
from landfast_runtime.connections import Postgres
from landfast_testing.postgres import server
from mailer import conversation
from mailer.conversation import Limits, RefusedError, UnansweredError
from sqlalchemy import text
from tasks import mail
from tasks.celery_app import BULK_QUEUE, MAIL_QUEUE, app
from worker import app as worker_app
from worker import slots
from worker.lanes import LANES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from celery import Task
    from landfast_testing.outbox import Outbox
    from sqlalchemy import Engine

LETTERS = [mail.send_welcome, mail.send_verification, mail.send_password_reset, mail.confirm_subscription]


def queue_of(task: Task[Any, Any]) -> str:
    return str(app.amqp.router.route({}, task.name)["queue"].name)


def test_every_queue_has_one_lane() -> None:
    consumed = [queue for lane in LANES.values() for queue in lane.queues]

    assert sorted(consumed) == sorted(queue.name for queue in app.conf.task_queues)


def test_what_asks_a_mail_server_goes_to_the_lane_of_letters_and_nothing_else_does() -> None:
    app.loader.import_default_modules()
    asking = {*LETTERS, mail.send_newsletter_copy}
    others = {task for name, task in app.tasks.items() if name.startswith("tasks.")} - asking

    assert {queue_of(task) for task in asking} == set(LANES["mail"].queues)
    assert {queue_of(task) for task in others} == set(LANES["tasks"].queues)


@pytest.mark.parametrize("task", [*LETTERS, mail.send_newsletter_copy])
def test_a_letter_keeps_no_transaction_open_while_a_server_takes_its_time(task: Task[Any, Any]) -> None:
    assert cast("Any", task).long


def test_a_letter_s_longest_run_is_within_a_task_s_time() -> None:
    limits = Limits()
    assert (limits.reply, conversation.DATA_INITIATION, conversation.BLOCK, limits.end) == (300, 120, 180, 600)
    assert conversation.BEFORE_THE_DOT + limits.end + 60 < TASK_TIME_LIMIT


def test_a_worker_consumes_its_lane_and_its_own_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    selected: list[Any] = []
    queues = SimpleNamespace(select=selected.extend, select_add=lambda queue: selected.append(queue.name))
    monkeypatch.setattr(worker_app, "lane", LANES["mail"])
    monkeypatch.setattr(slots, "clear", lambda: None)

    worker_app.prepare_worker(instance=SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=queues))))

    assert selected[:-1] == [MAIL_QUEUE, BULK_QUEUE]
    assert selected[-1].startswith("probe.")
    assert LANES["mail"].celery["worker_pool"] == "threads"


@pytest.fixture
def at_work(database: Engine, outbox: Outbox) -> Iterator[Engine]:  # noqa: ARG001 - empties the table
    """The database, named as a worker names it."""
    postgres = server()
    settings = Postgres(postgres.host, postgres.port, "worker", postgres.user, "")
    databases.use(SQLAlchemyDatabase(lambda: database, settings))
    yield database
    databases._named.clear()  # noqa: SLF001 - a process never wants it back


def run_a_letter(engine: Engine, monkeypatch: pytest.MonkeyPatch, ending: Exception) -> tuple[str, str]:
    """Run a welcome letter that ends in an error after its point of no return; return its row's state and error."""

    def send(_user: int, **_: object) -> None:
        consumer.point_of_no_return()
        raise ending

    monkeypatch.setitem(sys.modules, "accounts", SimpleNamespace(mail=SimpleNamespace(send_welcome=send)))
    for mark in ("mark_as_retry", "mark_as_failure"):
        monkeypatch.setattr(type(app.backend), mark, lambda *_, **__: None)
    mail.send_welcome.delay(7)
    with engine.begin() as connection:
        [message] = store.take(cast("Any", connection.connection.driver_connection), 10, ())
    assert message.queue == MAIL_QUEUE
    args, kwargs, _ = json.loads(message.body)
    request = {**message.headers, "delivery_info": {"redelivered": False}, "hostname": "worker@test"}
    build_tracer(mail.send_welcome.name, mail.send_welcome, app=cast("Any", app))(
        str(message.id), args, kwargs, request
    )
    with engine.connect() as connection:
        dead, published, error = connection.execute(text("SELECT dead_at, published_at, error FROM outbox.task")).one()
    if dead:
        return "dead", error
    return "in flight" if published else "pending", error


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (RefusedError("550 nobody here"), "dead"),
        (UnansweredError("it may have been taken"), "dead"),
        (TimeoutError("451 later"), "pending"),
    ],
    ids=["refused", "unanswered", "later"],
)
def test_a_letter_is_a_dead_letter_at_once_or_waits_for_its_next_attempt(
    at_work: Engine, monkeypatch: pytest.MonkeyPatch, ending: Exception, state: str
) -> None:
    found, error = run_a_letter(at_work, monkeypatch, ending)

    assert found == state
    assert str(ending) in error
