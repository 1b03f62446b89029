"""A channel to RabbitMQ for a single request: the import of Celery and Kombu would take longer than the reply."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from amqp import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from landfast_runtime.connections import RabbitMQ


@contextmanager
def channel(
    settings: RabbitMQ, timeout: float, *, confirm: bool = False, on_blocked: Callable[[str], None] | None = None
) -> Iterator[Any]:
    """Open a channel, and close its connection at the end.

    Args:
        settings: the broker's address and the user.
        timeout: seconds that each step may take.
        confirm: whether each publication waits until the broker has confirmed it.
        on_blocked: called with the reason if the broker accepts no messages.

    Raises:
        OSError: the broker cannot be reached, or does not answer in time.
        amqp.exceptions.AMQPError: the broker refuses.
    """
    with Connection(
        f"{settings.host}:{settings.port}",
        userid=settings.user,
        password=settings.password,
        virtual_host=settings.vhost,
        connect_timeout=timeout,
        read_timeout=timeout,
        write_timeout=timeout,
        confirm_publish=confirm,
        on_blocked=on_blocked,
    ) as connection:
        yield connection.channel()
