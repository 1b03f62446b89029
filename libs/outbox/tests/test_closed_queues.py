"""A queue that the broker accepts nothing for waits, and does not delay others."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from landfast_outbox import store
from landfast_outbox.closed import FIRST_WAIT, LONGEST_WAIT, ClosedQueues
from landfast_outbox.databases import connect
from landfast_outbox.publisher import BrokerError, Outcome, Publisher
from landfast_outbox.relay import Relay
from landfast_outbox.settings import Periods
from landfast_outbox.store import census
from landfast_outbox.tally import Meters, Tally

from tests.relaying import FakePublisher, add

if TYPE_CHECKING:
    from uuid import UUID

    from landfast_runtime.connections import Postgres
    from psycopg import Connection


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Broker(FakePublisher):
    """Has some queues, and remembers the messages that were published."""

    def __init__(self) -> None:
        super().__init__()
        self.missing = {"nosuch"}
        self.asked: list[list[UUID]] = []

    def publish(self, batch: list[store.Message]) -> Outcome:
        self.asked.append([message.id for message in batch])
        refused = {each.id: f"queue {each.queue}: NO_ROUTE" for each in batch if each.queue in self.missing}
        taken = [message.id for message in batch if message.id not in refused]
        closed = {message.queue for message in batch if message.id in refused}
        return Outcome(taken, refused, closed=closed)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def relay(postgres: Postgres, broker: Broker, clock: Clock) -> Relay:
    made = Relay(
        partial(connect, postgres, "relay"),
        cast("Publisher", broker),
        Periods(),
        threading.Event(),
        Tally(Meters(), "shop"),
    )
    made._closed = ClosedQueues(clock)  # noqa: SLF001 - so that no test waits
    return made


def test_what_has_no_queue_is_not_tried_ahead_of_real_work(
    relay: Relay, connection: Connection[Any], broker: Broker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    lost = add(connection, 3, queue="nosuch")
    first = add(connection)
    relay.turn(connection)
    assert broker.asked == [[*lost, *first]]
    more, second = add(connection, 2, queue="nosuch"), add(connection)
    relay.turn(connection)
    assert broker.asked[1:] == [second], "the closed queue is left out, new tasks of it too"
    clock.now += FIRST_WAIT
    third = add(connection)
    relay.turn(connection)
    assert broker.asked[2:] == [[lost[0], *third]], "one task tries whether it is open again"
    relay.turn(connection)
    assert len(broker.asked) == 3
    assert [record.problem for record in caplog.records] == ["queue nosuch: NO_ROUTE"], "it says so once"  # type: ignore[attr-defined]
    assert census.counts(connection).pending == len(lost) + len(more)


def test_all_of_a_queue_goes_once_it_is_there(
    relay: Relay, connection: Connection[Any], broker: Broker, clock: Clock
) -> None:
    waiting = add(connection, 3, queue="nosuch")
    relay.turn(connection)
    broker.missing.clear()
    clock.now += FIRST_WAIT
    relay.turn(connection)
    relay.turn(connection)

    assert broker.asked[1:] == [waiting[:1], waiting[1:]]
    assert census.counts(connection).pending == 0


def test_the_age_of_what_waits_for_its_queue_stays_to_be_seen(relay: Relay, connection: Connection[Any]) -> None:
    add(connection, queue="nosuch")
    connection.execute("UPDATE outbox.task SET due_at = now() - interval '10 min'")
    relay.turn(connection)

    assert census.counts(connection).oldest_pending > 500
    assert census.counts(connection, queues=["nosuch"]).oldest_pending > 500
    assert census.counts(connection, queues=["tasks"]).oldest_pending == 0
    assert store.next_due(connection, ["nosuch"]) is None


def test_a_closed_queue_that_nobody_writes_to_any_more_is_forgotten(
    relay: Relay, connection: Connection[Any], clock: Clock
) -> None:
    add(connection, queue="nosuch")
    relay.turn(connection)
    connection.execute("UPDATE outbox.task SET dead_at = now()")
    clock.now += FIRST_WAIT
    relay.turn(connection)

    assert relay._closed.names == []  # noqa: SLF001


def test_waits_grow_up_to_a_minute(clock: Clock) -> None:
    queues, waits = ClosedQueues(clock), []
    assert queues.close("nosuch")
    assert not queues.close("nosuch"), "of one batch it counts once"
    for _ in range(6):
        before = clock.now
        while not queues.to_try:
            clock.now += 1
        waits.append(clock.now - before)
        queues.close("nosuch")

    assert waits == [FIRST_WAIT, 10, 20, 40, LONGEST_WAIT, LONGEST_WAIT]
    assert queues.open("nosuch")
    assert not queues.open("nosuch")


def test_a_broker_that_comes_back_may_have_the_queue(
    relay: Relay, connection: Connection[Any], broker: Broker, postgres: Postgres
) -> None:
    [waiting] = add(connection, queue="nosuch")
    relay.turn(connection)
    stopping = threading.Event()

    def fall_silent() -> None:
        broker.pulse = up  # type: ignore[method-assign]  # once
        broker.missing.clear()
        raise BrokerError("gone")

    up, published = broker.pulse, broker.publish

    def stop_then(batch: list[store.Message]) -> Outcome:
        stopping.set()
        return published(batch)

    broker.pulse, broker.publish = fall_silent, stop_then  # type: ignore[method-assign]
    again = Relay(
        partial(connect, postgres, "relay"), cast("Publisher", broker), Periods(), stopping, Tally(Meters(), "shop")
    )
    again._closed = relay._closed  # noqa: SLF001
    again.run()

    assert broker.asked[-1] == [waiting]
