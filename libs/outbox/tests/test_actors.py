"""Dramatiq's adapter: actors that complete their task with its effect, without a broker."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dramatiq as framework
import pytest
from dramatiq.broker import MessageProxy
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware.middleware import SkipMessage
from dramatiq.middleware.shutdown import Shutdown
from dramatiq.middleware.time_limit import TimeLimitExceeded
from landfast_outbox import consumer, databases, dramatiq, endings, store
from landfast_outbox.actors import DurableActor, OutboxMiddleware
from landfast_outbox.exceptions import IgnoreError, RejectError
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase
from landfast_outbox.store import census
from landfast_outbox.task import NotDurableError, PayloadError
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from landfast_runtime.connections import Postgres
    from psycopg import Connection
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session, sessionmaker

QUEUE = "tasks-dramatiq"


class Bench:
    """A test bench: an actor whose body the test chooses, and deliveries to it."""

    def __init__(self, connection: Connection[Any]) -> None:
        self.body: Callable[..., object] = lambda *_: None
        self.broker = StubBroker(middleware=[OutboxMiddleware()])
        self._connection = connection
        self.options: dict[str, Any] = {}

    def actor(self, **options: Any) -> DurableActor:  # noqa: ANN401 - the decorator's own arguments
        declare = framework.actor(
            broker=self.broker, actor_class=DurableActor, actor_name="bench", queue_name=QUEUE, **options
        )
        actor = declare(lambda *args, **kwargs: self.body(*args, **kwargs))  # noqa: PLW0108 - the body changes
        assert isinstance(actor, DurableActor)
        return actor

    def row(self) -> SimpleNamespace:
        cursor = self._connection.execute("SELECT * FROM outbox.task ORDER BY sequence LIMIT 1")
        found = cursor.fetchone()
        assert found is not None
        assert cursor.description is not None
        return SimpleNamespace(**dict(zip((column.name for column in cursor.description), found, strict=True)))

    def deliver(self, actor: DurableActor, *, redelivered: bool = False) -> None:
        """Run the task like a worker that received its message."""
        if not redelivered:
            self._connection.execute("UPDATE outbox.task SET published_at = now(), due_at = now()")
        message = MessageProxy(framework.Message.decode(self.row().body.encode()))
        message.redelivered = redelivered  # type: ignore[attr-defined]  # set by RabbitMQ's consumer
        self.broker.emit_before("process_message", message)
        try:
            actor(*message.args, **message.kwargs)
        finally:
            self.broker.emit_after("process_message", message)

    @property
    def effects(self) -> list[str]:
        return [row[0] for row in self._connection.execute("SELECT what FROM effect")]


@pytest.fixture
def bench(
    connection: Connection[Any],
    engine: Engine,
    postgres: Postgres,
    sessions: sessionmaker[Session],  # noqa: ARG001 - lets tasks be written
) -> Iterator[Bench]:
    databases.use(SQLAlchemyDatabase(lambda: engine, postgres))
    yield Bench(connection)
    databases._named.clear()  # noqa: SLF001 - a process never resets it


def leave(what: str) -> None:
    SQLAlchemyDatabase.connection().execute(text("INSERT INTO effect VALUES (:what)"), {"what": what})


def fail(*_: object) -> None:
    leave("half")
    raise ValueError("no such boat")


def test_it_writes_a_task_in_the_callers_transaction(bench: Bench, sessions: sessionmaker[Session]) -> None:
    actor = bench.actor()
    with sessions() as session:
        session.execute(text("SELECT 1"))
        actor.send("lost")
        session.rollback()
    with sessions.begin() as session:
        session.execute(text("SELECT 1"))
        message = actor.send(4, key="ö")
    row = bench.row()
    assert (row.engine, row.queue, row.name, str(row.id)) == ("dramatiq", QUEUE, "bench", message.message_id)
    decoded = framework.Message.decode(row.body.encode())
    assert (decoded.args, decoded.kwargs, decoded.message_id) == ((4,), {"key": "ö"}, message.message_id)


def test_it_waits_until_a_delayed_task_is_due(bench: Bench) -> None:
    bench.actor().send_with_options(args=(4,), delay=60_000)
    row = bench.row()
    assert row.due_at - row.created_at > timedelta(seconds=59)


def test_it_refuses_what_it_cannot_promise(bench: Bench, connection: Connection[Any]) -> None:
    actor = bench.actor()
    with pytest.raises(NotDurableError, match="on_success"):
        actor.send_with_options(args=(), on_success="bench")
    with pytest.raises(NotDurableError, match="pipe_target"):
        dramatiq.send("bench", QUEUE, pipe_target={"actor_name": "other"})
    with pytest.raises(PayloadError):
        actor.send(object())
    assert census.counts(connection).pending == 0


def test_it_completes_a_task_with_its_effect(bench: Bench) -> None:
    actor = bench.actor()
    actor.send("done")

    def work(what: str) -> int:
        leave(what)
        return 8

    bench.body = work
    bench.deliver(actor)
    row = bench.row()
    assert row.completed_at is not None
    assert json.loads(row.result) == 8
    assert bench.effects == ["done"]
    bench.deliver(actor, redelivered=True)
    assert bench.effects == ["done"]


def test_it_runs_a_failed_task_again_later_and_keeps_none_of_its_effect(bench: Bench) -> None:
    actor = bench.actor(max_retries=1)
    actor.send("x")
    bench.body = fail
    with pytest.raises(SkipMessage):
        bench.deliver(actor)
    row = bench.row()
    assert (row.retries, row.published_at, row.dead_at) == (1, None, None)
    assert json.loads(row.body)["options"] == {"retries": 1}
    assert "no such boat" in row.error
    assert bench.effects == []


def test_it_makes_a_dead_letter_when_no_retry_is_left_and_redrives_it_from_the_start(
    bench: Bench, connection: Connection[Any]
) -> None:
    actor = bench.actor(max_retries=1)
    actor.send("x")
    bench.body = fail
    with pytest.raises(SkipMessage):
        bench.deliver(actor)
    with pytest.raises(ValueError, match="no such boat"):
        bench.deliver(actor)
    row = bench.row()
    assert row.dead_at is not None
    assert row.error.rstrip().endswith("ValueError: no such boat")
    assert 'in fail\n    raise ValueError("no such boat")' in row.error

    assert store.redrive(connection, [row.id]) == 1
    bench.body = leave
    assert json.loads(bench.row().body)["options"]["retries"] == 0
    bench.deliver(actor)
    assert bench.effects == ["x"]


def test_it_retries_nothing_that_it_is_told_not_to(bench: Bench) -> None:
    actor = bench.actor(throws=ValueError)
    actor.send("x")
    bench.body = fail
    with pytest.raises(ValueError, match="no such boat"):
        bench.deliver(actor)
    assert bench.row().dead_at is not None


def test_a_task_that_kills_its_worker_each_time_is_a_dead_letter_in_the_end(bench: Bench) -> None:
    actor = bench.actor()
    actor.send("x")

    def die(*_: object) -> None:
        raise SystemExit

    bench.body = die
    for run in range(endings.DEATHS + 1):
        with pytest.raises(BaseException):  # noqa: B017, PT011 - a death, or the last one's error
            bench.deliver(actor, redelivered=run > 0)
    row = bench.row()
    assert row.dead_at is not None
    assert f"died {endings.DEATHS} times" in row.error


def test_it_makes_a_dead_letter_of_a_task_past_its_time_limit(bench: Bench) -> None:
    actor = bench.actor()
    actor.send("x")

    def linger(what: str) -> None:
        leave(what)
        raise TimeLimitExceeded

    bench.body = linger
    with pytest.raises(TimeLimitExceeded):
        bench.deliver(actor)
    assert "time limit" in bench.row().error
    assert bench.effects == []


def test_a_body_that_wants_nobody_to_be_told_is_done(bench: Bench) -> None:
    actor = bench.actor()
    actor.send("x")

    def ignore(what: str) -> None:
        leave(what)
        raise IgnoreError

    bench.body = ignore
    with pytest.raises(SkipMessage):
        bench.deliver(actor)
    row = bench.row()
    assert row.completed_at is not None
    assert (row.result, row.retries, bench.effects) == (None, 0, ["x"])


def test_a_body_may_reject_its_message(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    actor = bench.actor()
    actor.send("x")

    def reject(what: str) -> None:
        leave(what)
        raise RejectError("not mine")

    bench.body = reject
    with caplog.at_level("INFO"), pytest.raises(SkipMessage):
        bench.deliver(actor)
    row = bench.row()
    assert row.dead_at is not None
    assert (row.error, row.retries, bench.effects) == ("the task rejected itself: not mine", 0, [])
    assert [vars(record)["state"] for record in caplog.records if record.message == "task ended"] == ["REJECTED"]


def test_of_two_long_runs_at_once_one_commits(bench: Bench, connection: Connection[Any]) -> None:
    actor = bench.actor(long=True)
    actor.send("x")

    def work(what: str) -> None:
        store.complete(connection, bench.row().id, None)  # as the other run does, whose lock was lost
        with consumer.effect() as own:
            own.execute("INSERT INTO effect VALUES (%s)", [what])

    bench.body = work
    with pytest.raises(SkipMessage):
        bench.deliver(actor)
    row = bench.row()
    assert row.completed_at is not None
    assert (row.dead_at, row.retries, bench.effects) == (None, 0, [])


def test_it_hands_back_what_a_stopping_worker_breaks_off(bench: Bench) -> None:
    actor = bench.actor()
    actor.send("x")

    def stop(what: str) -> None:
        leave(what)
        raise Shutdown

    bench.body = stop
    with pytest.raises(Shutdown):
        bench.deliver(actor)
    row = bench.row()
    assert (row.published_at, row.dead_at, row.completed_at) == (None, None, None)
    bench.body = leave
    bench.deliver(actor)
    assert bench.effects == ["x"]


def test_what_a_task_sends_belongs_to_its_transaction(bench: Bench, connection: Connection[Any]) -> None:
    actor = bench.actor(max_retries=0)
    actor.send("x")

    def send_on(what: str) -> None:
        actor.send(what)
        if what == "x":
            raise ValueError("no such boat")

    bench.body = send_on
    with pytest.raises(ValueError, match="no such boat"):
        bench.deliver(actor)
    counts = census.counts(connection)
    assert (counts.dead, counts.pending) == (1, 0)


def test_an_actor_that_another_calls_is_just_a_function(bench: Bench) -> None:
    actor = bench.actor()
    bench.body = lambda what: f"{what}!"
    assert actor("x") == "x!"


def test_it_puts_off_what_it_does_not_know(bench: Bench) -> None:
    bench.actor()
    dramatiq.send("gone", QUEUE)
    message = MessageProxy(framework.Message.decode(bench.row().body.encode()))
    bench._connection.execute("UPDATE outbox.task SET published_at = now()")  # noqa: SLF001
    bench.broker.emit_after("nack", message)

    row = bench.row()
    assert (row.published_at, row.dead_at) == (None, None)
    assert "no worker knows the task 'gone'" in row.error
