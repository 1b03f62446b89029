"""The site's tasks under their names of the previous release, where the shared workers ran them.

The timetable in the database still has the old names: a rollback runs no migration, and the workers of the previous
release know no other names. Each old name is a task here, which sends the present one; that covers entries that users
made in the admin. The next release renames the entries in a migration and deletes those in :data:`ELSEWHERE`, because
a rollback from it leads to this release. It keeps the tasks, because some may be in flight; the release after it drops
this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mysite.celery import app

if TYPE_CHECKING:
    from celery import Task

#: Former name -> present name.
FORMER: Final[dict[str, str]] = {
    "tasks.mail.send_welcome": "accounts.tasks.send_welcome",
    "tasks.mail.send_verification": "accounts.tasks.send_verification",
    "tasks.mail.send_password_reset": "accounts.tasks.send_password_reset",
    "tasks.mail.confirm_subscription": "news.tasks.confirm_subscription",
    "tasks.mail.send_newsletter": "news.tasks.send_newsletter",
    "tasks.mail.send_newsletter_copy": "news.tasks.send_newsletter_copy",
    "tasks.pictures.make_thumbnails": "news.tasks.make_thumbnails",
    "tasks.maintenance.make_missing_thumbnails": "news.tasks.make_missing_thumbnails",
    "tasks.maintenance.send_digest": "news.tasks.send_digest",
    "tasks.maintenance.remove_expired_drafts": "news.tasks.remove_expired_drafts",
    "tasks.maintenance.remove_dead_sessions": "accounts.tasks.remove_dead_sessions",
}

#: Tasks in the timetable that other applications schedule themselves now. Beat skips their entries.
ELSEWHERE: Final = (
    "tasks.maintenance.heartbeat",
    "tasks.maintenance.remove_expired_uploads",
    "tasks.maintenance.remove_old_tasks",
)


def hand_on(self: Task[Any, Any], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the other task's
    """Send the task by its present name, in the transaction that completes this one."""
    app.tasks[FORMER[self.name]].apply_async(args, kwargs)


for _former in FORMER:
    app.task(bind=True, name=_former, ignore_result=True, typing=False)(hand_on)
