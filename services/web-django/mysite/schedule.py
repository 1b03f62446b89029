"""What beat does by the clock at first. From then on the admin decides: what is there is never changed here."""

from __future__ import annotations

from dataclasses import dataclass

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask


@dataclass(frozen=True)
class Entry:
    """One line of the timetable, in UTC.

    Args:
        name: what the admin shows; an entry is known by it.
        task: the task's name.
        minute, hour, weekday: as in a crontab; nothing at all means every minute.
    """

    name: str
    task: str
    minute: str = ""
    hour: str = "*"
    weekday: str = "*"


TIMETABLE = (
    Entry("Sign of life", "tasks.maintenance.heartbeat"),
    Entry("Pictures that are missing", "tasks.maintenance.make_missing_thumbnails", minute="*/5"),
    Entry("Weekly digest", "tasks.maintenance.send_digest", minute="0", hour="7", weekday="1"),
    Entry("Remove expired drafts", "tasks.maintenance.remove_expired_drafts", minute="10", hour="3"),
    Entry("Remove expired uploads", "tasks.maintenance.remove_expired_uploads", minute="20", hour="3"),
    Entry("Remove old tasks' ids", "tasks.maintenance.remove_old_tasks", minute="25", hour="3"),
    Entry("Remove dead logins", "tasks.maintenance.remove_dead_sessions", minute="30", hour="3"),
)


def ensure_timetable() -> int:
    """Store the entries that are missing, and return how many those were."""
    return sum(_ensure(entry) for entry in TIMETABLE)


def _ensure(entry: Entry) -> bool:
    if PeriodicTask.objects.filter(name=entry.name).exists():
        return False
    task = PeriodicTask(name=entry.name, task=entry.task)
    if entry.minute:
        task.crontab, _ = CrontabSchedule.objects.get_or_create(
            minute=entry.minute,
            hour=entry.hour,
            day_of_week=entry.weekday,
            day_of_month="*",
            month_of_year="*",
            timezone="UTC",
        )
    else:
        task.interval, _ = IntervalSchedule.objects.get_or_create(every=60, period=IntervalSchedule.SECONDS)
    task.save()
    return True
