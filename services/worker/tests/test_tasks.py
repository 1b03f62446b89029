"""The shared tasks, and their callers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from kombu.exceptions import OperationalError
from landfast_outbox.celery import DurableTask
from landfast_runtime.worker import probe
from tasks import actors
from tasks.arithmetic import add
from tasks.celery_app import QUEUE, app
from tasks.maintenance import heartbeat

if TYPE_CHECKING:
    from landfast_testing.outbox import Outbox
    from psycopg import Connection


def test_add_adds() -> None:
    assert add(4, 4) == 8


def test_every_task_goes_to_the_quorum_queue() -> None:
    queue = app.amqp.queues[QUEUE]
    assert queue.queue_arguments == {"x-queue-type": "quorum"}
    assert queue.exchange.type == "topic"
    assert app.amqp.router.route({}, add.name)["queue"].name == QUEUE


def test_the_caller_of_a_plain_task_hears_soon_that_the_broker_is_away() -> None:
    with pytest.raises(OperationalError):
        heartbeat.delay()


def test_tasks_are_durable_but_for_the_signs_of_life() -> None:
    app.loader.import_default_modules()
    own = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}

    assert {name for name, task in own.items() if not isinstance(task, DurableTask)} <= {heartbeat.name, probe.NAME}


def test_a_task_is_written_whether_the_broker_is_there_or_not(outbox: Outbox) -> None:
    sent = add.delay(4, 4)

    [task] = outbox.tasks
    assert (task.id, task.name, task.queue, task.arguments) == (sent.id, add.name, QUEUE, [4, 4])


def test_a_task_goes_to_dramatiq_s_workers_if_its_caller_says_so(connection: Connection[Any]) -> None:
    identifier = actors.send_by_dramatiq(add.name, 4, 4)

    rows = connection.execute("SELECT id::text, name, engine, queue FROM outbox.task").fetchall()
    assert rows == [(identifier, add.name, "dramatiq", actors.DRAMATIQ_QUEUE)]
