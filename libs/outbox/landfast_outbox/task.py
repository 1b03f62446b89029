"""What a caller hands over: one task as a row."""

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

#: Bytes that a task's message body may have. A row and a message are no place for files: hand over an id instead.
MAX_BODY = 256 * 1024


class NotDurableError(TypeError):
    """The caller asked for something that a durable task cannot promise."""


class PayloadError(ValueError):
    """The arguments are no JSON, or too large."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that is about to be written.

    Args:
        id: known to the caller at once, and the key by which everything else recognises it.
        name: the task's name.
        queue: the RabbitMQ queue that it goes to.
        body: the message's body, JSON.
        headers: the message's headers.
        properties: the message's other properties, such as ``correlation_id`` and ``priority``.
        engine: the framework whose worker runs it.
        wait: from the writing until it is due, by the database's clock.
        due_at: not before then; at once without this and ``wait``.
        ordered: whether it is delivered in the order of writing among the ordered ones of its queue.
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
        """Refuse what is too large."""
        if len(self.body) * 4 > MAX_BODY and (size := len(self.body.encode())) > MAX_BODY:
            raise PayloadError(
                f"the arguments of {self.name} take {size} bytes, at most {MAX_BODY} are allowed: "
                "store the data and hand over their id"
            )


def refuse(name: str, options: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
    """Refuse options that a durable task cannot promise.

    Args:
        name: the task's.
        options: what the caller asked for.
        reasons: why each of a framework's options is refused.

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
        value: its arguments, or what it returned.

    Raises:
        PayloadError: JSON does not know such a value, or PostgreSQL cannot store it.
    """
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(f"the arguments of {name} must be plain JSON: {error}") from error
