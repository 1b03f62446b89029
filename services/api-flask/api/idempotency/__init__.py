"""Safe repetition of a POST: ``Idempotency-Key``."""

from api.idempotency.replay import HEADER, REPLAYED, run_once

__all__ = ["HEADER", "REPLAYED", "run_once"]
