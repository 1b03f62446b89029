"""The timetable names tasks by where they are now: beside their domain, and no more in a package of all applications.

Beat of the release before goes on by what it has read until it ends. After a rollback it would send these names, which
its workers do not know: `manage.py migrate mysite zero` takes the renaming back first.
"""

from typing import Any

from django.db import migrations

RENAMED = {
    "tasks.maintenance.make_missing_thumbnails": "news.tasks.make_missing_thumbnails",
    "tasks.maintenance.send_digest": "news.tasks.send_digest",
    "tasks.maintenance.remove_expired_drafts": "news.tasks.remove_expired_drafts",
    "tasks.maintenance.remove_dead_sessions": "accounts.tasks.remove_dead_sessions",
}

# The API's upkeep, and the sign of life of the shared workers: theirs to time.
ELSEWHERE = (
    "tasks.maintenance.heartbeat",
    "tasks.maintenance.remove_expired_uploads",
    "tasks.maintenance.remove_old_tasks",
)


def rename(apps: Any, _editor: object) -> None:  # noqa: ANN401 - Django's own way
    entries = apps.get_model("django_celery_beat", "PeriodicTask").objects
    for old, new in RENAMED.items():
        entries.filter(task=old).update(task=new)
    entries.filter(task__in=ELSEWHERE).delete()


def take_back(apps: Any, _editor: object) -> None:  # noqa: ANN401 - as above
    entries = apps.get_model("django_celery_beat", "PeriodicTask").objects
    for old, new in RENAMED.items():
        entries.filter(task=new).update(task=old)


class Migration(migrations.Migration):
    dependencies = [("django_celery_beat", "0019_alter_periodictasks_options")]

    operations = [migrations.RunPython(rename, take_back)]
