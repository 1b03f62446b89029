"""The words that statements on ``outbox.task`` share: the states of a row, and what a row can hold."""

from __future__ import annotations

from typing import LiteralString

#: Wakes the relays; sent by the table's trigger, once a statement, and delivered once a transaction.
CHANNEL: LiteralString = "outbox"

#: Characters of an error that are kept: its end says what happened.
LONGEST_ERROR = 64 * 1024

PENDING: LiteralString = "published_at IS NULL AND completed_at IS NULL AND dead_at IS NULL"
IN_FLIGHT: LiteralString = "published_at IS NOT NULL AND completed_at IS NULL AND dead_at IS NULL"
OPEN: LiteralString = "completed_at IS NULL AND dead_at IS NULL"


def storable(error: str) -> str:
    """Return what PostgreSQL can store of an error's text, and no more than somebody may want to read."""
    return error[-LONGEST_ERROR:].replace("\0", "").encode(errors="backslashreplace").decode()
