"""Safe repetition of a POST: ``Idempotency-Key``."""

from api.idempotency.replay import HEADER, REPLAYED, once

__all__ = ["HEADER", "REPLAYED", "once"]
