"""Beat's scheduler for the site: the admin's timetable, without entries of other applications' tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from landfast_runtime.django.scheduler import TickingScheduler

from mysite.former import ELSEWHERE

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django_celery_beat.models import PeriodicTask


#: django-celery-beat created this entry when the previous release kept results. The site keeps none, and a task that
#: expires, like this one, cannot be durable.
CLEANUP = "celery.backend_cleanup"


class Scheduler(TickingScheduler):
    """Skips the entries of other applications' tasks. They stay in the database, for a rollback."""

    def enabled_models_qs(self) -> QuerySet[PeriodicTask]:
        """Return the entries that beat considers."""
        entries: QuerySet[PeriodicTask] = super().enabled_models_qs()
        return entries.exclude(task__in=(*ELSEWHERE, CLEANUP))
