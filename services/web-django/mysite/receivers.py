"""Receivers of the reusable apps' signals, which send tasks.

A task is written in its caller's transaction: after a rollback there is none, after a commit it will run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts import signals as accounts
from accounts import tasks as account_tasks
from news import signals as news
from news import tasks as news_tasks

if TYPE_CHECKING:
    from accounts.models import User
    from news.models import Article, NewsletterIssue, Subscriber


def connect() -> None:
    """Connect every receiver."""
    accounts.registered.connect(welcome, dispatch_uid="mysite.welcome")
    accounts.verification_requested.connect(verify, dispatch_uid="mysite.verify")
    accounts.password_reset_requested.connect(reset_password, dispatch_uid="mysite.reset_password")
    news.cover_uploaded.connect(make_thumbnails, dispatch_uid="mysite.make_thumbnails")
    news.subscription_requested.connect(confirm_subscription, dispatch_uid="mysite.confirm_subscription")
    news.newsletter_requested.connect(send_newsletter, dispatch_uid="mysite.send_newsletter")


def welcome(user: User, **_: Any) -> None:  # noqa: ANN401 - arguments of a signal
    """Send the welcome mail after a registration."""
    account_tasks.send_welcome.delay(user.pk)


def verify(user: User, **_: Any) -> None:  # noqa: ANN401
    """Send the mail that verifies an address."""
    account_tasks.send_verification.delay(user.pk)


def reset_password(user: User, **_: Any) -> None:  # noqa: ANN401
    """Send the link for a new password."""
    account_tasks.send_password_reset.delay(user.pk)


def make_thumbnails(article: Article, **_: Any) -> None:  # noqa: ANN401
    """Make the cover's renditions."""
    news_tasks.make_thumbnails.delay(article.pk)


def confirm_subscription(subscriber: Subscriber, **_: Any) -> None:  # noqa: ANN401
    """Send the newsletter's confirmation mail."""
    news_tasks.confirm_subscription.delay(subscriber.pk)


def send_newsletter(issue: NewsletterIssue, **_: Any) -> None:  # noqa: ANN401
    """Send the issue to all subscribers."""
    news_tasks.send_newsletter.delay(issue.pk)
