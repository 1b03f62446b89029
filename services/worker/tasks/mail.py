"""Mail to people. A page that wants to send one calls ``.delay(...)`` and never waits for SMTP itself."""

from __future__ import annotations

import smtplib
from typing import TYPE_CHECKING, Any

from tasks.celery_app import app

if TYPE_CHECKING:
    from celery import Task

#: Retries wait 5 s, 10 s, 20 s ... and from then on up to half an hour each (with jitter): about a day in all.
FIRST_RETRY = 5
LONGEST_WAIT = 1800
RETRIES = 55


@app.task(
    bind=True,
    ignore_result=True,
    autoretry_for=(OSError, smtplib.SMTPException),
    retry_backoff=FIRST_RETRY,
    retry_backoff_max=LONGEST_WAIT,
    retry_jitter=True,
    max_retries=RETRIES,
)
def send_welcome(self: Task[Any, Any], *, email: str, username: str, site_url: str) -> None:
    """Send the welcome mail to someone who has just registered.

    Args:
        self: the running task.
        email: the new user's address.
        username: the name to greet them with.
        site_url: the site's public address, without a slash at its end.
    """
    # Callers import this module for its names alone; only a worker has what renders and sends mail.
    from mailer import send  # noqa: PLC0415

    send(
        "welcome",
        subject="Welcome aboard",
        recipient=email,
        values={"username": username, "site_url": site_url},
        message_key=str(self.request.id),
    )
