"""Publishing: messages that the broker confirms, returns or never answers."""

from __future__ import annotations

import socket
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from amqp.exceptions import NotFound, RecoverableConnectionError
from landfast_outbox import publisher as module
from landfast_outbox.publisher import BrokerError, Publisher
from landfast_outbox.store import Message
from landfast_runtime.connections import RabbitMQ

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqp import Message as Sent

BROKER = RabbitMQ("127.0.0.1", 1, "/", "relay", "secret")


class Channel:
    """A channel that records published messages."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.events: dict[str, set[Any]] = {"basic_ack": set(), "basic_nack": set(), "basic_return": set()}
        self.sent: list[tuple[Sent, str]] = []
        self.is_open = True
        self.confirming = False

    def confirm_select(self) -> None:
        self.confirming = True

    def basic_publish(self, message: Sent, *, routing_key: str, mandatory: bool) -> None:
        assert mandatory
        assert self.confirming
        cast("Any", message)._serialize_properties()  # noqa: SLF001 - as py-amqp does before it sends anything
        if routing_key == "gone":
            raise RecoverableConnectionError("the connection went away")
        self.sent.append((message, routing_key))

    def queue_declare(self, queue: str, *, passive: bool) -> tuple[str, int, int] | None:
        assert passive
        if queue == "gone":
            raise ConnectionResetError
        if queue not in self.connection.queues:
            raise NotFound
        return queue, self.connection.queues[queue], 1

    def close(self) -> None:
        self.is_open = False

    def tell(self, event: str, *arguments: Any, multiple: bool | None = None) -> None:  # noqa: ANN401 - the protocol's
        for listener in self.events[event]:
            listener(*arguments, *([] if multiple is None else [multiple]))


class Wire:
    """A socket that records when it is to hold data back, and when no longer."""

    def __init__(self) -> None:
        self.sock = self
        self.corks: list[int] = []

    def setsockopt(self, level: int, option: int, value: int) -> None:
        assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_CORK)
        self.corks.append(value)


class Connection:
    """A connection to a broker that the test simulates."""

    made: ClassVar[list[Connection]] = []
    #: Called by a wait for the broker.
    answer: ClassVar[Callable[[Connection], None]]

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - py-amqp's
        self.options = options
        self.channels: list[Channel] = []
        self.queues: dict[str, int] = {"tasks": 3}
        self.closed = False
        self.beats = 0
        self.transport = Wire()
        self.made.append(self)

    def connect(self) -> None:
        if self.options["userid"] != BROKER.user:
            raise ConnectionRefusedError

    def channel(self) -> Channel:
        self.channels.append(Channel(self))
        return self.channels[-1]

    def drain_events(self, *, timeout: float) -> None:
        assert timeout > 0
        type(self).answer(self)

    def heartbeat_tick(self) -> None:
        self.beats += 1

    def collect(self) -> None:
        self.closed = True


@dataclass
class Clock:
    """A clock that stands still."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> type[Connection]:
    """The broker; by default it confirms everything."""

    def confirm(connection: Connection) -> None:
        connection.channels[0].tell("basic_ack", len(connection.channels[0].sent), multiple=True)

    monkeypatch.setattr(module, "Connection", Connection)
    monkeypatch.setattr(Connection, "made", [])
    monkeypatch.setattr(Connection, "answer", confirm, raising=False)
    return Connection


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The publisher's clock, which only the test moves."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def publisher(broker: type[Connection]) -> Publisher:  # noqa: ARG001 - is connected to
    return Publisher(BROKER, threading.Event())


def rows(number: int, **values: Any) -> list[Message]:  # noqa: ANN401 - those of Message
    fields = {
        "queue": "tasks", "headers": {"task": "tests.add"}, "properties": {"priority": 3}, "body": "[]",
        "ordered": False,
    }  # fmt: skip
    return [
        Message(id=uuid.uuid4(), **{**fields, **values}, due_at=datetime.now(UTC), sequence=each)
        for each in range(number)
    ]


def ids(batch: list[Message]) -> list[uuid.UUID]:
    return [row.id for row in batch]


def test_a_batch_is_confirmed_together(publisher: Publisher, broker: type[Connection]) -> None:
    first, second = rows(3), rows(2)

    assert publisher.publish(first).confirmed == ids(first)
    outcome = publisher.publish(second)
    assert (outcome.confirmed, outcome.refused) == (ids(second), {})
    [connection] = broker.made
    assert [queue for _, queue in connection.channels[0].sent] == ["tasks"] * 5
    assert connection.transport.corks == [1, 0] * 2


def test_a_message_survives_a_restart_of_the_broker_and_says_what_it_is(
    publisher: Publisher, broker: type[Connection]
) -> None:
    [row] = rows(1, body='["é"]')
    publisher.publish([row])

    [(sent, _)] = broker.made[0].channels[0].sent
    assert sent.body == '["é"]'
    assert sent.properties == {
        "content_type": "application/json",
        "content_encoding": "utf-8",
        "application_headers": {"task": "tests.add"},
        "delivery_mode": 2,
        "message_id": str(row.id),
        "priority": 3,
    }


def test_nothing_to_send_is_nothing_to_wait_for(publisher: Publisher) -> None:
    assert publisher.publish([]).confirmed == []


def test_confirms_may_come_one_by_one_and_in_any_order(
    publisher: Publisher, broker: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = iter([2, 1, 3])
    monkeypatch.setattr(broker, "answer", lambda self: self.channels[0].tell("basic_ack", next(tags), multiple=False))
    batch = rows(3)

    assert sorted(publisher.publish(batch).confirmed) == sorted(ids(batch))


def test_what_is_handed_back_is_refused_though_it_is_confirmed(
    publisher: Publisher, broker: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(connection: Connection) -> None:
        channel = connection.channels[0]
        channel.tell("basic_return", "NO_ROUTE", "", "tasks", channel.sent[1][0])
        channel.tell("basic_ack", 3, multiple=True)

    monkeypatch.setattr(broker, "answer", answer)
    batch = rows(3)
    outcome = publisher.publish(batch)

    assert outcome.confirmed == [batch[0].id, batch[2].id]
    assert outcome.refused == {batch[1].id: "queue tasks: NO_ROUTE"}
    assert outcome.closed == {"tasks"}


def test_what_the_queue_does_not_take_is_refused(
    publisher: Publisher, broker: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(connection: Connection) -> None:
        connection.channels[0].tell("basic_ack", 1, multiple=False)
        connection.channels[0].tell("basic_nack", 3, multiple=True)

    monkeypatch.setattr(broker, "answer", answer)
    batch = rows(3)
    outcome = publisher.publish(batch)

    assert outcome.confirmed == [batch[0].id]
    assert outcome.refused == dict.fromkeys(ids(batch[1:]), "queue tasks is full")
    assert outcome.closed == {"tasks"}


def test_no_ordered_row_overtakes_one_that_was_refused(
    publisher: Publisher, broker: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(connection: Connection) -> None:
        channel = connection.channels[0]
        for tag, (_, queue) in enumerate(channel.sent, 1):
            refused = queue == "first" and tag > 1
            channel.tell("basic_nack" if refused else "basic_ack", tag, multiple=False)

    monkeypatch.setattr(broker, "answer", answer)
    one, two = rows(3, queue="first", ordered=True), rows(1, queue="second", ordered=True)
    outcome = publisher.publish([*one, *two])

    assert outcome.confirmed == [one[0].id, two[0].id]
    assert outcome.refused == {
        one[1].id: "queue first is full", one[2].id: "one before it in queue first was refused"
    }  # fmt: skip


@pytest.mark.parametrize("bad", [{"properties": {"priority": 999}}, {"headers": {"n": 2**70}}])
def test_one_row_that_fits_no_message_does_not_hold_up_the_others(publisher: Publisher, bad: dict[str, Any]) -> None:
    good = rows(2)
    [broken] = rows(1, **bad)
    outcome = publisher.publish([good[0], broken, good[1]])

    assert outcome.confirmed == ids(good)
    assert list(outcome.unsendable) == [broken.id]
    assert outcome.unsendable[broken.id].startswith("it cannot be sent: ")


def test_a_connection_that_breaks_tells_what_the_broker_has(
    publisher: Publisher, broker: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(connection: Connection) -> None:
        connection.channels[0].tell("basic_ack", 1, multiple=False)
        monkeypatch.setattr(broker, "answer", reset)

    def reset(_: Connection) -> None:
        raise ConnectionResetError("by peer")

    confirm = broker.answer
    monkeypatch.setattr(broker, "answer", answer)
    batch = rows(2)
    with pytest.raises(BrokerError, match="ConnectionResetError") as caught:
        publisher.publish(batch)
    assert caught.value.confirmed == {batch[0].id}
    assert broker.made[0].closed

    monkeypatch.setattr(broker, "answer", confirm)
    assert publisher.publish(batch[1:]).confirmed == [batch[1].id], "over another connection, counting from one"
    assert len(broker.made) == 2


def test_a_connection_that_breaks_while_sending_is_one_too(publisher: Publisher, broker: type[Connection]) -> None:
    with pytest.raises(BrokerError, match="went away"):
        publisher.publish(rows(1, queue="gone"))
    assert broker.made[0].closed


def test_a_broker_that_does_not_confirm_in_time_is_given_up(
    publisher: Publisher, broker: type[Connection], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silence(_: Connection) -> None:
        clock.now += 1
        raise TimeoutError

    monkeypatch.setattr(broker, "answer", silence)
    with pytest.raises(BrokerError, match="2 messages were not confirmed"):
        publisher.publish(rows(2))
    assert broker.made[0].beats == module.CONFIRM_TIMEOUT, "the broker hears that we live"


def test_a_broker_that_has_no_room_is_waited_for(
    publisher: Publisher, broker: type[Connection], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked: list[str] = []

    def answer(connection: Connection) -> None:
        clock.now += module.CONFIRM_TIMEOUT - 1
        connection.options["on_blocked"]("low on disk")
        blocked.append(publisher.blocked)
        if len(blocked) == 10:
            connection.options["on_unblocked"]()
            connection.channels[0].tell("basic_ack", 1, multiple=False)

    monkeypatch.setattr(broker, "answer", answer)
    batch = rows(1)

    assert publisher.publish(batch).confirmed == ids(batch)
    assert blocked == ["low on disk"] * 10
    assert publisher.blocked == ""


def test_who_is_told_to_stop_waits_no_longer_for_room(
    broker: type[Connection], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(connection: Connection) -> None:
        clock.now += 1
        connection.options["on_blocked"]("low on disk")

    stopping = threading.Event()
    stopping.set()
    monkeypatch.setattr(broker, "answer", answer)

    with pytest.raises(BrokerError, match="not confirmed"):
        Publisher(BROKER, stopping).publish(rows(1))


def test_a_pulse_hears_of_an_alarm_and_of_a_broken_connection(
    publisher: Publisher, broker: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "answer", lambda self: self.options["on_blocked"]("low on memory"))
    publisher.pulse()
    assert publisher.blocked == "low on memory"
    assert broker.made[0].beats == 1

    def reset(_: Connection) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(broker, "answer", reset)
    with pytest.raises(BrokerError, match="ConnectionResetError"):
        publisher.pulse()
    assert publisher.blocked == "", "another connection may hear otherwise"


def test_a_broker_that_is_away_is_named() -> None:
    publisher = Publisher(BROKER, threading.Event())
    for attempt in (publisher.pulse, lambda: publisher.publish(rows(1)), lambda: publisher.backlog("tasks")):
        with pytest.raises(BrokerError, match="ConnectionRefusedError"):
            attempt()
    publisher.close()


def test_a_queue_tells_how_much_waits_in_it(publisher: Publisher, broker: type[Connection]) -> None:
    assert publisher.backlog("tasks") == 3
    assert publisher.backlog("missing") == 0
    assert [channel.is_open for channel in broker.made[0].channels[1:]] == [False, False]
    with pytest.raises(BrokerError):
        publisher.backlog("gone")
    assert broker.made[0].closed
