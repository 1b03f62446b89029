"""Constants that statements on ``outbox.task`` share: the conditions of a row's states, and the limits of a row."""

from __future__ import annotations

from typing import LiteralString

#: The channel that wakes the relays; the table's trigger notifies it once a statement, delivered once a transaction.
CHANNEL: LiteralString = "outbox"

#: Characters of an error that are kept, from its end, which has the message.
LONGEST_ERROR = 64 * 1024

PENDING: LiteralString = "published_at IS NULL AND completed_at IS NULL AND dead_at IS NULL"
IN_FLIGHT: LiteralString = "published_at IS NOT NULL AND completed_at IS NULL AND dead_at IS NULL"
OPEN: LiteralString = "completed_at IS NULL AND dead_at IS NULL"


def storable(error: str) -> str:
    """Return an error's text in a form that PostgreSQL can store, cut to a readable length."""
    return error[-LONGEST_ERROR:].replace("\0", "").encode(errors="backslashreplace").decode()
