"""Celery's signals, as they were before a test: a worker's program listens to them for as long as its process lives."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celery import signals
from celery.utils.dispatch import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def as_before() -> Iterator[None]:
    """Let nobody go on listening who began within the block."""
    found: list[Any] = [each for each in vars(signals).values() if isinstance(each, Signal)]
    heard = [list(each.receivers or ()) for each in found]
    try:
        yield
    finally:
        for each, receivers in zip(found, heard, strict=True):
            each.receivers = receivers
            each.sender_receivers_cache.clear()
