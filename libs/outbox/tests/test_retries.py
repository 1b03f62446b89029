"""Retries: the row itself waits for its next run, or is a dead letter in the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from celery.exceptions import MaxRetriesExceededError, Retry

from tests import bodies
from tests.worker import Ended, deliver, effects, error, falling_due_in, state, take, work

if TYPE_CHECKING:
    from landfast_outbox.celery import DurableTask
    from psycopg import Connection

    from tests.bodies import Kind

pytestmark = pytest.mark.usefixtures("worker_databases")


def test_a_retry_rewrites_the_row(kind: Kind, connection: Connection[Any]) -> None:
    task, leave = kind

    def body(running: DurableTask, text: str) -> str:
        if not running.request.retries:
            if not task.long:
                leave("too early")
            raise running.retry(countdown=30, exc=LookupError("not yet"))
        leave(text)
        return text

    bodies.choose(body)
    task.apply_async(("one",), priority=3, headers={"tenant": "mine"})
    [message] = take(connection)

    with falling_due_in(connection, 30):
        assert deliver(message).state == "RETRY"
    assert (effects(connection), state(connection)) == ([], "pending")
    assert "not yet" in error(connection)
    assert deliver(message).state == "IGNORED", "its time has not come"
    connection.execute("UPDATE outbox.task SET due_at = now()")
    [again] = take(connection)
    assert (again.id, again.headers["retries"], again.headers["tenant"]) == (message.id, 1, "mine")
    assert (again.queue, again.properties) == (message.queue, message.properties)
    assert deliver(again) == Ended("SUCCESS", "one")
    assert (effects(connection), state(connection)) == (["one"], "done")


def test_retries_wait_longer_each_time_and_end_as_a_dead_letter(connection: Connection[Any]) -> None:
    def body(_task: object) -> NoReturn:
        raise LookupError("never")

    bodies.choose(body)
    bodies.stubborn.delay()
    for wait in (7, 14):
        with falling_due_in(connection, wait):
            assert [ended.state for ended in work(connection)] == ["RETRY"]
        connection.execute("UPDATE outbox.task SET due_at = now()")

    [ended] = work(connection)
    assert (ended.state, type(ended.result)) == ("FAILURE", LookupError)
    assert state(connection) == "dead"
    assert "LookupError: never" in error(connection)


def test_retries_without_a_reason_end_as_a_dead_letter_too(connection: Connection[Any]) -> None:
    def body(running: DurableTask) -> NoReturn:
        raise running.retry(max_retries=0)

    bodies.choose(body)
    bodies.sqlalchemy.delay()

    [ended] = work(connection)
    assert isinstance(ended.result, MaxRetriesExceededError)
    assert state(connection) == "dead"


def test_a_retry_by_the_clock_is_in_time(connection: Connection[Any]) -> None:
    def body(running: DurableTask) -> NoReturn:
        raise running.retry(eta=datetime.now(UTC) + timedelta(minutes=5))

    bodies.choose(body)
    bodies.sqlalchemy.delay()
    with falling_due_in(connection, 300):
        work(connection)


def test_a_retry_that_is_made_by_hand_is_a_mistake_and_says_so(connection: Connection[Any]) -> None:
    def body(_task: object) -> NoReturn:
        raise Retry

    bodies.choose(body)
    bodies.sqlalchemy.delay()

    assert [ended.state for ended in work(connection)] == ["FAILURE"]
    assert (state(connection), error(connection)) == ("dead", "a durable task retries by self.retry()")
