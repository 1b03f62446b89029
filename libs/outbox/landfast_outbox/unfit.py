"""Messages that a worker cannot run: an unknown task, or no task at all. Their rows must not stay in flight for ever.

Celery rejects such a message and logs it; the relay would publish it again and again.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from landfast_outbox import consumer, endings
from landfast_outbox.store import setbacks

if TYPE_CHECKING:
    from landfast_outbox.databases import Database

logger = logging.getLogger(__name__)


def put_off(database: Database, identifier: UUID, name: str) -> None:
    """Put off a task that this worker does not know: a newer release's may. In the end it is a dead letter.

    Args:
        database: where the row is.
        identifier: the task's id.
        name: the task's name.
    """
    error = (
        f"no worker knows the task {name!r}: its module is gone, or is not among those that workers import "
        "(Celery's include=, Dramatiq's list of actors). Deploy a release that has it, then re-drive this one"
    )
    logger.error("a task is unknown here and is put off", extra={"task": name, "id": str(identifier)})
    endings.put_off_from_outside(database, identifier, setbacks.UNKNOWN, error)


def put_off_unknown(name: str, message: Any, **_: Any) -> None:  # noqa: ANN401 - Celery's signals pass what they like
    """Put off a durable task that Celery's worker does not know."""
    if identifier := _written_as(message):
        put_off(consumer.any_database(), identifier, name)


def bury_unreadable(message: Any, exc: Exception | None = None, **_: Any) -> None:  # noqa: ANN401
    """Make a dead letter of a message that is no task of Celery's: it will not become one."""
    if identifier := _written_as(message):
        error = f"a worker of Celery cannot read its message: {exc or 'it is in the form of another framework'}"
        endings.bury_from_outside(consumer.any_database(), identifier, error)


def _written_as(message: Any) -> UUID | None:  # noqa: ANN401 - kombu's
    """Return the id of the row that a message was published from; none if it is from no row."""
    with suppress(ValueError):
        return UUID(message.properties.get("message_id") or "")
    return None
