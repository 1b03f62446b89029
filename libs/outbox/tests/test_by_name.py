"""Tasks of another application: known only by name and queue, and written like any other."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from landfast_outbox import by_name
from landfast_outbox.psycopg import transaction
from landfast_outbox.task import NotDurableError, PayloadError

from tests import worker
from tests.app import add

if TYPE_CHECKING:
    from landfast_testing.outbox import Outbox
    from psycopg import Connection
    from sqlalchemy.orm import Session, sessionmaker

pytestmark = pytest.mark.usefixtures("sessions")


class UndoneError(Exception):
    """Rolls a transaction back."""


@pytest.mark.usefixtures("worker_databases")
def test_the_other_application_s_worker_runs_it(connection: Connection[Any]) -> None:
    by_name.send(add.name, (4,), {"y": 5}, queue="tasks")

    assert [ended.result for ended in worker.work(connection)] == [9]


def test_it_has_the_id_and_the_queue_that_the_caller_chose(outbox: Outbox) -> None:
    chosen = str(uuid.uuid4())

    assert by_name.send("shop.tasks.bill", (7,), queue="shop", task_id=chosen) == chosen

    [task] = outbox.tasks
    assert (task.id, task.name, task.queue, task.arguments) == (chosen, "shop.tasks.bill", "shop", [7])
    assert task.headers["timelimit"] == [None, None], "the worker's own"


def test_it_belongs_to_the_session_that_is_open(outbox: Outbox, sessions: sessionmaker[Session]) -> None:
    def send_and_undo() -> None:
        with sessions.begin():
            by_name.send("shop.tasks.bill", queue="shop")
            raise UndoneError

    with pytest.raises(UndoneError):
        send_and_undo()

    assert outbox.tasks == []


def test_it_belongs_to_a_transaction_of_psycopg_s_own(outbox: Outbox, other: Connection[Any]) -> None:
    def send_and_undo() -> None:
        with transaction(other):
            by_name.send("shop.tasks.bill", (1,), queue="shop")
            raise UndoneError

    with pytest.raises(UndoneError):
        send_and_undo()
    with transaction(other):
        by_name.send("shop.tasks.bill", (2,), queue="shop")
        assert outbox.tasks == [], "not before the commit"

    assert [task.arguments for task in outbox.tasks] == [[2]]


def test_it_refuses_what_a_durable_task_cannot_promise(outbox: Outbox) -> None:
    with pytest.raises(NotDurableError):
        by_name.send("shop.tasks.bill", queue="shop", expires=60)
    with pytest.raises(PayloadError):
        by_name.send("shop.tasks.bill", (object(),), queue="shop")

    assert json.dumps(outbox.tasks) == "[]"
