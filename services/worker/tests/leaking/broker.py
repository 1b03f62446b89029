"""A broker in memory that Celery treats like RabbitMQ: by the event loop, and so with production's pool."""

from __future__ import annotations

import socket
from contextlib import suppress
from queue import Empty
from typing import TYPE_CHECKING, Any

from kombu.transport import memory

if TYPE_CHECKING:
    from kombu.asynchronous import Hub

#: Seconds between two polls for messages.
INTERVAL = 0.02


class Channel(memory.Channel):
    """A channel with a method without confirms, like RabbitMQ's."""

    _basic_publish = memory.Channel.basic_publish


class Transport(memory.Transport):
    """kombu's transport in memory, with an event loop."""

    Channel = Channel
    implements = memory.Transport.implements.extend(asynchronous=True)

    def register_with_event_loop(self, connection: Any, loop: Hub) -> None:  # noqa: ANN401 - kombu's own signature
        """Poll for messages."""

        def look() -> None:
            with suppress(socket.timeout, Empty):
                while True:
                    self.drain_events(connection, timeout=0.001)

        loop.call_repeatedly(INTERVAL, look)
