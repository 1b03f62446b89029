"""A new task as a row."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from uuid import UUID

#: ``json.dumps`` would make an encoder for each task.
_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

#: The most bytes of a task's message body. Files do not belong into rows and messages: pass an id instead.
MAX_BODY = 256 * 1024


class NotDurableError(TypeError):
    """The caller used an option that a durable task cannot promise."""


class PayloadError(ValueError):
    """The arguments are no JSON, or too large."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that is about to be written.

    Args:
        id: the task's id, which the caller knows at once, and the key everywhere else.
        name: the task's name.
        queue: the RabbitMQ queue that it goes to.
        body: the message's body, JSON.
        headers: the message's headers.
        properties: the message's other properties, such as ``correlation_id`` and ``priority``.
        engine: the framework whose worker runs it.
        wait: time from the writing until the task is due, by the database's clock.
        due_at: the due time; at once without this and ``wait``.
        ordered: whether the ordered tasks of its queue are delivered in the order in which they were written.
    """

    id: UUID
    name: str
    queue: str
    body: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    engine: str = "celery"
    wait: timedelta | None = None
    due_at: datetime | None = None
    ordered: bool = False

    def __post_init__(self) -> None:
        """Refuse a task that is too large."""
        if len(self.body) * 4 > MAX_BODY and (size := len(self.body.encode())) > MAX_BODY:
            raise PayloadError(
                f"the arguments of {self.name} take {size} bytes, at most {MAX_BODY} are allowed: "
                "store the data and hand over their id"
            )


def refuse(name: str, options: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
    """Refuse options that a durable task cannot promise.

    Args:
        name: the task's name.
        options: the caller's options.
        reasons: the framework's options that are refused, with the reasons.

    Raises:
        NotDurableError: one of them was given.
    """
    for option, reason in reasons.items():
        if options.get(option):
            raise NotDurableError(f"{name} is durable and takes no {option!r}: {reason}")


def as_json(name: str, value: object) -> str:
    """Return ``value`` as JSON.

    Args:
        name: the task's name, for the message.
        value: its arguments, or its return value.

    Raises:
        PayloadError: JSON cannot represent the value, or PostgreSQL cannot store it.
    """
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(f"the arguments of {name} must be plain JSON: {error}") from error
