"""Beat's scheduler."""

from __future__ import annotations

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from worker.beat import MARK


class TickingScheduler(DatabaseScheduler):  # type: ignore[misc]  # it carries no types
    """The scheduler that keeps its entries in the database, where the admin changes them, and marks every tick."""

    def tick(self, *args: Any, **kwargs: Any) -> float:  # noqa: ANN401 - Celery's own signature
        """Run what is due, leave the mark, and return the seconds until the next tick."""
        wait: float = super().tick(*args, **kwargs)
        MARK.touch()
        return wait
