"""Beat's scheduler for Django projects: the timetable is in the database, where the admin changes it."""

from __future__ import annotations

from django_celery_beat.schedulers import DatabaseScheduler

from landfast_runtime.worker.scheduler import Ticking


class TickingScheduler(Ticking, DatabaseScheduler):  # type: ignore[misc]  # it has no types
    """django-celery-beat's scheduler that marks every tick."""
