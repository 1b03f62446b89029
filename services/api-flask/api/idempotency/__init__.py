"""Repeating a POST without doing it twice: ``Idempotency-Key``."""

from api.idempotency.replay import HEADER, REPLAYED, once

__all__ = ["HEADER", "REPLAYED", "once"]
