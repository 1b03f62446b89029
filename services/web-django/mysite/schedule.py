"""Beat's initial timetable. Later the admin decides: existing entries are never changed here."""

from __future__ import annotations

from dataclasses import dataclass

from django_celery_beat.models import CrontabSchedule, PeriodicTask


@dataclass(frozen=True)
class Entry:
    """One entry of the timetable, in UTC.

    Args:
        name: the entry's name in the admin, and its key.
        task: the task's name.
        minute, hour, weekday: in crontab format.
    """

    name: str
    task: str
    minute: str
    hour: str = "*"
    weekday: str = "*"


TIMETABLE = (
    Entry("Pictures that are missing", "news.tasks.make_missing_thumbnails", minute="*/5"),
    Entry("Weekly digest", "news.tasks.send_digest", minute="0", hour="7", weekday="1"),
    Entry("Remove expired drafts", "news.tasks.remove_expired_drafts", minute="10", hour="3"),
    Entry("Remove dead logins", "accounts.tasks.remove_dead_sessions", minute="30", hour="3"),
)


def ensure_timetable() -> int:
    """Store the missing entries, and return their number."""
    return sum(_ensure(entry) for entry in TIMETABLE)


def _ensure(entry: Entry) -> bool:
    if PeriodicTask.objects.filter(name=entry.name).exists():
        return False
    crontab, _ = CrontabSchedule.objects.get_or_create(
        minute=entry.minute,
        hour=entry.hour,
        day_of_week=entry.weekday,
        day_of_month="*",
        month_of_year="*",
        timezone="UTC",
    )
    PeriodicTask.objects.create(name=entry.name, task=entry.task, crontab=crontab)
    return True
