"""What follows from what happens in the reusable apps: tasks.

A task is published inside the transaction that it comes from. If the broker does not take it, the receiver raises
:class:`ConnectionError`, the transaction is rolled back, and the visitor is told.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from accounts import signals as accounts
from amqp.exceptions import AMQPError, MessageNacked
from kombu.exceptions import OperationalError
from news import signals as news

if TYPE_CHECKING:
    from accounts.models import User
    from celery import Task
    from news.models import Article, NewsletterIssue, Subscriber

logger = logging.getLogger(__name__)

#: What publishing raises while the broker is away, is full or refuses us.
BROKER_FAILURES = (OperationalError, AMQPError, MessageNacked, OSError)

# The tasks' modules read the broker's password when they are imported, and some commands have none: hence the imports
# within.


def connect() -> None:
    """Let every receiver listen."""
    accounts.registered.connect(welcome, dispatch_uid="mysite.welcome")
    accounts.verification_requested.connect(verify, dispatch_uid="mysite.verify")
    accounts.password_reset_requested.connect(reset_password, dispatch_uid="mysite.reset_password")
    news.cover_uploaded.connect(make_thumbnails, dispatch_uid="mysite.make_thumbnails")
    news.subscription_requested.connect(confirm_subscription, dispatch_uid="mysite.confirm_subscription")
    news.newsletter_requested.connect(send_newsletter, dispatch_uid="mysite.send_newsletter")


def welcome(user: User, **_: Any) -> None:  # noqa: ANN401 - signals pass what they like
    """Greet who has registered."""
    from tasks.mail import send_welcome  # noqa: PLC0415

    hand_over(send_welcome, user.pk)


def verify(user: User, **_: Any) -> None:  # noqa: ANN401
    """Ask whether the address is theirs."""
    from tasks.mail import send_verification  # noqa: PLC0415

    hand_over(send_verification, user.pk)


def reset_password(user: User, **_: Any) -> None:  # noqa: ANN401
    """Send the link for a new password."""
    from tasks.mail import send_password_reset  # noqa: PLC0415

    hand_over(send_password_reset, user.pk)


def make_thumbnails(article: Article, **_: Any) -> None:  # noqa: ANN401
    """Make the cover's pictures."""
    from tasks.pictures import make_thumbnails as task  # noqa: PLC0415

    hand_over(task, article.pk)


def confirm_subscription(subscriber: Subscriber, **_: Any) -> None:  # noqa: ANN401
    """Ask whether they want the newsletter."""
    from tasks.mail import confirm_subscription as task  # noqa: PLC0415

    hand_over(task, subscriber.pk)


def send_newsletter(issue: NewsletterIssue, **_: Any) -> None:  # noqa: ANN401
    """Send the issue to everyone."""
    from tasks.mail import send_newsletter as task  # noqa: PLC0415

    hand_over(task, issue.pk)


def hand_over(task: Task[Any, Any], identifier: int) -> None:
    """Send a task.

    Raises:
        ConnectionError: the broker did not take it.
    """
    try:
        task.delay(identifier)
    except BROKER_FAILURES as error:
        logger.warning("the broker did not take a task", extra={"task": task.name, "problem": str(error)})
        raise ConnectionError(f"{task.name} could not be queued") from error
