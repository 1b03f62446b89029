"""Publishing many messages at once: all are sent, then their confirms are awaited together, with a deadline.

To wait for each confirm in turn would cost a round trip a message. Messages are ``mandatory``: the broker confirms an
unroutable message too, but returns it first.
"""

from __future__ import annotations

import socket
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from amqp import Channel, Connection, Message
from amqp.exceptions import AMQPError, FrameSyntaxError, NotFound
from amqp.exceptions import ConnectionError as AMQPConnectionError

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterable, Iterator

    from landfast_runtime.connections import RabbitMQ

    from landfast_outbox.store import Message as Row

#: Seconds to wait for a connection, and for the confirms of one batch.
CONNECT_TIMEOUT = 5.0
CONFIRM_TIMEOUT = 10.0

#: Seconds between two heartbeats, by which each side notices that the other is gone.
HEARTBEAT = 20

PERSISTENT = 2

#: Headers by which RabbitMQ delivers a message to further queues: a task is for one queue, which its writer may name.
FURTHER_QUEUES = ("CC", "BCC")

#: Exceptions for a message that the protocol cannot represent; they are raised before any part of it is sent.
UNSENDABLE = (FrameSyntaxError, struct.error, TypeError, ValueError)


class BrokerError(Exception):
    """The broker cannot be reached, went away, or did not confirm in time; its connection is closed.

    Args:
        problem: a description.
        confirmed: the messages of the batch that the broker has confirmed all the same.
    """

    def __init__(self, problem: str, confirmed: Collection[UUID] = ()) -> None:
        super().__init__(problem)
        self.confirmed = frozenset(confirmed)


@dataclass
class Outcome:
    """The outcome of a batch.

    Args:
        confirmed: the messages that the broker has.
        refused: the messages that the broker returned, or that wait for a returned one before them, with the reasons.
        unsendable: the messages that the protocol cannot represent, with the reasons: a retry would not help.
        closed: queues that the broker accepts nothing for.
    """

    confirmed: list[UUID] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)
    unsendable: dict[UUID, str] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)


class Publisher:
    """A connection to RabbitMQ that is opened on demand, and reopened after it broke.

    Args:
        broker: the broker's address and the user.
        stopping: ends a wait for a blocked broker.
    """

    def __init__(self, broker: RabbitMQ, stopping: threading.Event) -> None:
        self._broker = broker
        self._stopping = stopping
        self._connection: Connection | None = None
        self._channel: Channel | None = None
        self._next_tag = 1
        self._awaited: dict[int, Row] = {}
        self._outcome = Outcome()
        #: The reason why the broker accepts no messages at the moment: an alarm of its memory or its disk.
        self.blocked: str = ""

    @property
    def vhost(self) -> str:
        """The virtual host in which it publishes."""
        return self._broker.vhost

    def publish(self, batch: Iterable[Row]) -> Outcome:
        """Send a batch and wait until the broker has confirmed it.

        Each ordered row of a queue waits for the row before it: if the broker refuses a row, none overtakes it.

        Raises:
            BrokerError: the broker cannot be reached or does not answer; unconfirmed messages may have reached it.
        """
        try:
            self._awaited, self._outcome = {}, Outcome()
            channel = self._open()
            ordered = [row for row in batch if row.ordered]
            with self._in_few_packets():
                for row in batch:
                    if not row.ordered:
                        self._send(channel, row)
            before: dict[str, UUID] = {}
            for row in ordered:
                if not self._may_follow(before.get(row.queue)):
                    self._outcome.refused[row.id] = f"one before it in queue {row.queue} was refused"
                elif self._send(channel, row):
                    before[row.queue] = row.id
            self._wait()
        except (AMQPError, AMQPConnectionError, OSError) as error:
            self.close()
            raise BrokerError(f"{type(error).__name__}: {error}", self._outcome.confirmed) from error
        return self._outcome

    def _send(self, channel: Channel, row: Row) -> bool:
        """Send a row, and return whether that was possible: one bad row must not hold up the others."""
        self._awaited[self._next_tag] = row
        try:
            channel.basic_publish(message(row), routing_key=row.queue, mandatory=True)
        except UNSENDABLE as error:  # nothing was written
            del self._awaited[self._next_tag]
            self._outcome.unsendable[row.id] = f"it cannot be sent: {error}"
            return False
        self._next_tag += 1
        return True

    @contextmanager
    def _in_few_packets(self) -> Iterator[None]:
        """Let the kernel send the block's messages in few packets, not one packet for each."""
        assert self._connection is not None  # noqa: S101 - callers have opened it
        wire = self._connection.transport.sock
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        try:
            yield
        finally:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def _may_follow(self, before: UUID | None) -> bool:
        """Wait until the broker has answered for the last ordered row, and return whether it accepted the row."""
        if before is None:
            return True
        self._wait()
        return before not in self._outcome.refused

    def pulse(self) -> None:
        """Connect if necessary, and read the broker's notifications, such as an alarm, without waiting.

        Raises:
            BrokerError: the broker cannot be reached, or the connection is gone.
        """
        try:
            connection = self._connected()
            self._drain(0.001)
            connection.heartbeat_tick()
        except (AMQPError, AMQPConnectionError, OSError) as error:
            self.close()
            raise BrokerError(f"{type(error).__name__}: {error}") from error

    def backlog(self, queue: str) -> int:
        """Return the number of messages that wait in a queue; 0 if there is no such queue.

        Raises:
            BrokerError: the broker does not answer.
        """
        try:
            channel = self._connected().channel()
            try:
                declared = channel.queue_declare(queue, passive=True)
                return declared[1] if declared else 0  # its name, its number of messages, its number of consumers
            except NotFound:
                return 0
            finally:
                if channel.is_open:
                    channel.close()
        except (AMQPError, AMQPConnectionError, OSError) as error:
            self.close()
            raise BrokerError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Forget the connection."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            connection.collect()
        self.blocked = ""

    def _open(self) -> Channel:
        if self._channel is None:
            self._connected()
        assert self._channel is not None  # noqa: S101 - made with the connection
        return self._channel

    def _connected(self) -> Connection:
        if self._connection is not None:
            return self._connection
        connection = Connection(
            host=f"{self._broker.host}:{self._broker.port}",
            userid=self._broker.user,
            password=self._broker.password,
            virtual_host=self._broker.vhost,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=CONFIRM_TIMEOUT,
            write_timeout=CONFIRM_TIMEOUT,
            heartbeat=HEARTBEAT,
            on_blocked=self._on_blocked,
            on_unblocked=self._on_unblocked,
        )
        connection.connect()
        channel = connection.channel()
        channel.confirm_select()
        events: dict[str, set[Any]] = channel.events  # type: ignore[attr-defined]  # py-amqp sets it as it goes
        events["basic_ack"].add(self._on_ack)
        events["basic_nack"].add(self._on_nack)
        events["basic_return"].add(self._on_return)
        self._connection, self._channel, self._next_tag = connection, channel, 1
        return connection

    def _wait(self) -> None:
        deadline = time.monotonic() + CONFIRM_TIMEOUT
        while self._awaited:
            if self.blocked and not self._stopping.is_set():  # the broker accepts the sent messages later
                deadline = time.monotonic() + CONFIRM_TIMEOUT
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{len(self._awaited)} messages were not confirmed within {CONFIRM_TIMEOUT:.0f} s")
            self._drain(min(left, 1.0))
            self._connected().heartbeat_tick()

    def _drain(self, timeout: float) -> None:
        if self._connection is not None:
            try:
                self._connection.drain_events(timeout=timeout)
            except TimeoutError:
                return

    def _settle(self, tag: int, multiple: bool) -> list[Row]:  # noqa: FBT001 - the protocol's own argument
        tags = [each for each in self._awaited if each <= tag] if multiple else [tag]
        return [self._awaited.pop(each) for each in tags if each in self._awaited]

    def _on_ack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001
        for row in self._settle(tag, multiple):
            if row.id not in self._outcome.refused:
                self._outcome.confirmed.append(row.id)

    def _on_nack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001
        for row in self._settle(tag, multiple):
            self._outcome.refused[row.id] = f"queue {row.queue} is full"
            self._outcome.closed.add(row.queue)

    def _on_return(self, reason: Any, _exchange: str, queue: str, returned: Message) -> None:  # noqa: ANN401
        self._outcome.refused[UUID(returned.properties["message_id"])] = f"queue {queue}: {reason}"
        self._outcome.closed.add(queue)

    def _on_blocked(self, reason: str) -> None:
        self.blocked = reason

    def _on_unblocked(self) -> None:
        self.blocked = ""


def message(row: Row) -> Message:
    """Return a row as a message for a worker."""
    return Message(
        row.body,
        content_type="application/json",
        content_encoding="utf-8",
        application_headers={name: value for name, value in row.headers.items() if name not in FURTHER_QUEUES},
        delivery_mode=PERSISTENT,
        message_id=str(row.id),
        **row.properties,
    )
