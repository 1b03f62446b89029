"""Mail to people. A page that wants to send one calls ``.delay(...)`` and never waits for SMTP itself.

Letters have lanes and workers of their own (:mod:`tasks.celery_app`): a mail server may take ten minutes for one, so no
transaction is open meanwhile (``long=True``). Before the final dot the task notes that it may be taken from now on.

Tasks carry ids alone: no address and no link that lets somebody in is to be seen in Flower or in a queue. What a mail
says is the business of the application that it belongs to; callers import this module for the names, and only a worker
has what renders and sends. A task's id becomes the ``Message-ID``, so a mail that is sent twice can be told.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from landfast_outbox.celery import enqueue_many

from tasks.celery_app import app
from tasks.retrying import FOR_A_DAY, unless_gone

if TYPE_CHECKING:
    from celery import Task

#: What every task says that sends a letter.
LETTER: dict[str, Any] = {"ignore_result": True, "long": True, **FOR_A_DAY}

#: Copies of a newsletter that one worker sends at most: servers that get more take it for spam.
NEWSLETTER_RATE = "20/s"


@app.task(bind=True, **LETTER)
def send_welcome(self: Task[Any, Any], user_id: int) -> None:
    """Greet someone who has just registered."""
    from accounts import mail  # noqa: PLC0415

    unless_gone(partial(mail.send_welcome, user_id, message_id=str(self.request.id)))


@app.task(bind=True, **LETTER)
def send_verification(self: Task[Any, Any], user_id: int) -> None:
    """Ask whether an address is its owner's."""
    from accounts import mail  # noqa: PLC0415

    unless_gone(partial(mail.send_verification, user_id, message_id=str(self.request.id)))


@app.task(bind=True, **LETTER)
def send_password_reset(self: Task[Any, Any], user_id: int) -> None:
    """Send the link that lets someone choose a new password."""
    from accounts import mail  # noqa: PLC0415

    unless_gone(partial(mail.send_password_reset, user_id, message_id=str(self.request.id)))


@app.task(bind=True, **LETTER)
def confirm_subscription(self: Task[Any, Any], subscriber_id: int) -> None:
    """Ask whether somebody who entered an address wants the newsletter."""
    from news import newsletter  # noqa: PLC0415

    unless_gone(partial(newsletter.send_confirmation, subscriber_id, message_id=str(self.request.id)))


@app.task(ignore_result=True, **FOR_A_DAY)
def send_newsletter(issue_id: int) -> None:
    """Hand every subscriber's copy over, all of them or none."""
    from news import newsletter  # noqa: PLC0415

    recipients = unless_gone(partial(newsletter.recipients, issue_id)) or []
    enqueue_many(send_newsletter_copy, [((issue_id, subscriber_id), {}) for subscriber_id in recipients])


@app.task(rate_limit=NEWSLETTER_RATE, **LETTER)
def send_newsletter_copy(issue_id: int, subscriber_id: int) -> None:
    """Send one copy, unless it has been sent."""
    from news import newsletter  # noqa: PLC0415

    unless_gone(partial(newsletter.send_copy, issue_id, subscriber_id))
