"""Beat's schedulers that mark every tick, for its health check."""

from __future__ import annotations

from typing import Any

from celery.beat import Scheduler

from landfast_runtime.worker.beat import MARK


class Ticking:
    """A mixin that marks each tick; it precedes the scheduler's own class."""

    def tick(self, *args: Any, **kwargs: Any) -> float:  # noqa: ANN401 - Celery's own signature
        """Send the due tasks, leave the mark, and return the seconds until the next tick."""
        wait: float = super().tick(*args, **kwargs)  # type: ignore[misc]  # the scheduler's method
        MARK.touch()
        return wait


class TickingScheduler(Ticking, Scheduler):
    """Takes its timetable from ``beat_schedule`` in the code, and stores nothing: intervals begin anew with beat."""
