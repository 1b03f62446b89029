"""Tasks of other applications, under their names from the time when all tasks were here: some may be in flight.

Each is sent on by its new name, in the transaction that completes it. The next release needs no such module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from landfast_outbox import by_name

from tasks.celery_app import app

if TYPE_CHECKING:
    from celery import Task

#: Former name -> the new one, and its queue; without a name another application schedules it, and it may be dropped.
FORMER: Final[dict[str, tuple[str, str]]] = {
    "tasks.mail.send_welcome": ("accounts.tasks.send_welcome", "web.mail"),
    "tasks.mail.send_verification": ("accounts.tasks.send_verification", "web.mail"),
    "tasks.mail.send_password_reset": ("accounts.tasks.send_password_reset", "web.mail"),
    "tasks.mail.confirm_subscription": ("news.tasks.confirm_subscription", "web.mail"),
    "tasks.mail.send_newsletter": ("news.tasks.send_newsletter", "web"),
    "tasks.mail.send_newsletter_copy": ("news.tasks.send_newsletter_copy", "web.bulk"),
    "tasks.pictures.make_thumbnails": ("news.tasks.make_thumbnails", "web"),
    "tasks.maintenance.make_missing_thumbnails": ("news.tasks.make_missing_thumbnails", "web"),
    "tasks.maintenance.send_digest": ("news.tasks.send_digest", "web"),
    "tasks.maintenance.remove_expired_drafts": ("news.tasks.remove_expired_drafts", "web"),
    "tasks.maintenance.remove_dead_sessions": ("accounts.tasks.remove_dead_sessions", "web"),
    "tasks.maintenance.remove_expired_uploads": ("", ""),
    "tasks.maintenance.remove_old_tasks": ("", ""),
    "tasks.reports.run_report": ("api.reports.tasks.run_report", "api"),
}


def hand_on(self: Task[Any, Any], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the other task's
    """Send a task by its new name."""
    name, queue = FORMER[self.name]
    if name:
        by_name.send(name, args, kwargs, queue=queue)


for _former in FORMER:
    app.task(bind=True, name=_former, ignore_result=True, typing=False)(hand_on)
