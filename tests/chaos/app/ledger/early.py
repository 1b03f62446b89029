"""Early acknowledgement, Celery's default: the suite must find losses with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celery import Celery


def acknowledge_early_if_asked(app: Celery) -> None:
    """Give up late acknowledgement where ``CHAOS_EARLY_ACK`` is 1."""
    if os.environ.get("CHAOS_EARLY_ACK") == "1":
        app.conf.task_acks_late = False
