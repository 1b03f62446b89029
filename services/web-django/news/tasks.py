"""The tasks of the news: pictures, the newsletter, and scheduled maintenance.

The app works without this module: receivers of its signals send the tasks.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from celery import shared_task
from landfast_outbox.celery import DurableTask, enqueue_many
from landfast_runtime.memory import give_back
from landfast_runtime.worker.retrying import FOR_A_DAY, unless_gone
from mailer import LETTER

if TYPE_CHECKING:
    from celery import Task

#: The rate limit of a newsletter's copies for one worker: mail servers take a higher rate for spam.
NEWSLETTER_RATE = "20/s"

# Pages import this module for the tasks' names; only workers do the work. Hence the imports inside functions.


@shared_task(ignore_result=True, **FOR_A_DAY)
def make_thumbnails(article_id: int) -> None:
    """Make the renditions of an article's cover."""
    from news import pictures  # noqa: PLC0415

    unless_gone(partial(pictures.make_thumbnails, article_id))
    give_back()


@shared_task(base=DurableTask, long=True)
def make_missing_thumbnails() -> int:
    """Make covers' missing renditions, and return their number."""
    from news import pictures  # noqa: PLC0415

    made = pictures.make_missing_thumbnails()
    give_back()
    return made


@shared_task(bind=True, **LETTER)
def confirm_subscription(self: Task[Any, Any], subscriber_id: int) -> None:
    """Send the confirmation mail for the newsletter."""
    from news import newsletter  # noqa: PLC0415

    unless_gone(partial(newsletter.send_confirmation, subscriber_id, message_id=str(self.request.id)))


@shared_task(ignore_result=True, **FOR_A_DAY)
def send_newsletter(issue_id: int) -> None:
    """Write a task for every subscriber's copy, all of them or none. It needs no mail server itself."""
    from news import newsletter  # noqa: PLC0415

    recipients = unless_gone(partial(newsletter.recipients, issue_id)) or []
    enqueue_many(send_newsletter_copy, [((issue_id, subscriber_id), {}) for subscriber_id in recipients])


@shared_task(rate_limit=NEWSLETTER_RATE, **LETTER)
def send_newsletter_copy(issue_id: int, subscriber_id: int) -> None:
    """Send one copy, unless it has been sent."""
    from news import newsletter  # noqa: PLC0415

    unless_gone(partial(newsletter.send_copy, issue_id, subscriber_id))


@shared_task
def send_digest() -> int | None:
    """Make a newsletter of the week's articles, send it, and return its id; None without articles."""
    from news import upkeep  # noqa: PLC0415

    issue_id = upkeep.make_digest()
    if issue_id is not None:
        send_newsletter.delay(issue_id)
    return issue_id


@shared_task
def remove_expired_drafts() -> int:
    """Delete drafts without a change for long, and what else nobody reads; return the number of all.

    The previous release's timetable knows this name alone.
    """
    from news import upkeep  # noqa: PLC0415

    return upkeep.remove_expired()
