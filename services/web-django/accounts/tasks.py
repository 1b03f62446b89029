"""The tasks of accounts: letters, so that no page ever waits for a mail server, and upkeep.

Tasks carry ids alone: no address and no link that lets somebody in is to be seen in Flower or in a queue. A task's id
becomes the ``Message-ID``, so a mail that is sent twice can be told.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from celery import shared_task
from landfast_runtime.worker.retrying import unless_gone
from mailer import LETTER

if TYPE_CHECKING:
    from celery import Task

# Pages import this module for the names; what renders and sends is a worker's alone: hence the imports within.


@shared_task(bind=True, **LETTER)
def send_welcome(self: Task[Any, Any], user_id: int) -> None:
    """Greet someone who has just registered."""
    from accounts import mail  # noqa: PLC0415

    unless_gone(partial(mail.send_welcome, user_id, message_id=str(self.request.id)))


@shared_task(bind=True, **LETTER)
def send_verification(self: Task[Any, Any], user_id: int) -> None:
    """Ask whether an address is its owner's."""
    from accounts import mail  # noqa: PLC0415

    unless_gone(partial(mail.send_verification, user_id, message_id=str(self.request.id)))


@shared_task(bind=True, **LETTER)
def send_password_reset(self: Task[Any, Any], user_id: int) -> None:
    """Send the link that lets someone choose a new password."""
    from accounts import mail  # noqa: PLC0415

    unless_gone(partial(mail.send_password_reset, user_id, message_id=str(self.request.id)))


@shared_task
def remove_dead_sessions() -> None:
    """Delete logins that have expired."""
    from django.core.management import call_command  # noqa: PLC0415

    call_command("clearsessions")
