"""The tasks of accounts: mails, so that no page ever waits for a mail server, and maintenance.

The arguments of tasks are only ids: neither Flower nor a queue shows an address, or a link that logs a user in. A
task's id becomes the ``Message-ID``, so that a mail that is sent twice can be recognised.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from celery import shared_task
from landfast_runtime.worker.retrying import unless_gone
from mailer import LETTER

if TYPE_CHECKING:
    from celery import Task

# Pages import this module for the tasks' names; only workers render and send. Hence the imports inside functions.


@shared_task(bind=True, **LETTER)
def send_welcome(self: Task[Any, Any], user_id: int) -> None:
    """Send the welcome mail to a user who has just registered."""
    from accounts import mail  # noqa: PLC0415

    unless_gone(partial(mail.send_welcome, user_id, message_id=str(self.request.id)))


@shared_task(bind=True, **LETTER)
def send_verification(self: Task[Any, Any], user_id: int) -> None:
    """Send the mail that verifies an address."""
    from accounts import mail  # noqa: PLC0415

    unless_gone(partial(mail.send_verification, user_id, message_id=str(self.request.id)))


@shared_task(bind=True, **LETTER)
def send_password_reset(self: Task[Any, Any], user_id: int) -> None:
    """Send the link to the page for a new password."""
    from accounts import mail  # noqa: PLC0415

    unless_gone(partial(mail.send_password_reset, user_id, message_id=str(self.request.id)))


@shared_task
def remove_dead_sessions() -> None:
    """Delete logins that have expired, and what else strangers leave behind.

    The previous release's timetable knows this name alone.
    """
    from django.core.management import call_command  # noqa: PLC0415

    from accounts import upkeep  # noqa: PLC0415

    call_command("clearsessions")
    upkeep.remove_expired_limits()
    upkeep.remove_unverified_accounts()
