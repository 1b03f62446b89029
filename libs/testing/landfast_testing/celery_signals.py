"""Restores Celery's signals after a test: a worker's program stays connected to them until its process ends."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celery import signals
from celery.utils.dispatch import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def as_before() -> Iterator[None]:
    """Disconnect the receivers that connected within the block."""
    found: list[Any] = [each for each in vars(signals).values() if isinstance(each, Signal)]
    heard = [list(each.receivers or ()) for each in found]
    try:
        yield
    finally:
        for each, receivers in zip(found, heard, strict=True):
            each.receivers = receivers
            each.sender_receivers_cache.clear()
