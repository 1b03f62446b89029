"""Beat's scheduler for Django projects: the timetable is in the database, where the admin changes it."""

from __future__ import annotations

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from landfast_runtime.worker.scheduler import Ticking


class TickingScheduler(Ticking, DatabaseScheduler):  # type: ignore[misc]  # it has no types
    """django-celery-beat's scheduler that marks every tick, and sends only while it holds beat's lease.

    It stores the time of each run in the transaction that writes the task, so that its successor knows of every run.
    django-celery-beat itself stores these times every three minutes: a beat that was killed in between left tasks that
    the next one sent again, and a beat without the lease could overwrite its successor's times.
    """

    def apply_async(self, entry: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Celery's own signature
        """Send a task and store the time of its run, both or neither."""
        try:
            with self.sending():
                result = super(Ticking, self).apply_async(entry, *args, **kwargs)
                entry.save()
        finally:
            self._dirty.discard(entry.name)  # it is stored, or must not be
        return result

    def should_sync(self) -> bool:
        """Return false: nothing is left to store, and sync() would close the connection within the transaction."""
        return False

    def taken(self, another: bool) -> None:  # noqa: ARG002, FBT001 - the timetable is read anew in any case
        """Read the timetable anew, with the times of the runs that another beat has sent."""
        self._initial_read = True
        self._heap = None
