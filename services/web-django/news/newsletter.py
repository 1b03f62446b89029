"""The newsletter: subscriptions, and the sending of copies.

An entered address gets one confirmation mail. Only the link in that mail makes the address a subscriber's.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.core import signing
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, connection, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language

from news import letters
from news.markdown import render
from news.models import NewsletterCopy, NewsletterIssue, Subscriber
from news.signals import subscription_requested

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

logger = logging.getLogger(__name__)

#: Validity of the link in a confirmation mail.
CONFIRM_WITHIN = timedelta(days=7)

#: Seconds between two confirmation mails to the same address, so that forms cannot be used to flood an inbox.
ASK_AGAIN_AFTER = 300

_CONFIRM, _LEAVE = "news.newsletter.confirm", "news.newsletter.leave"


class NotThereError(LookupError):
    """The subscriber or the issue does not exist, or not yet."""


@dataclass(frozen=True)
class Link:
    """The content of a link in a mail, after the check of its signature."""

    subscriber_id: int
    email: str


@transaction.atomic
def subscribe(email: str) -> None:
    """Store an address, and send the confirmation mail, but not to a subscriber: subscriptions are not disclosed.

    Raises:
        ConnectionError: the mail could not be requested; nothing was stored.
    """
    # If two requests have the same new address, the second waits for the first one's row and uses it.
    subscriber, _created = Subscriber.objects.select_for_update().get_or_create(
        email__iexact=email, defaults={"email": email, "language": get_language() or "en"}
    )
    if subscriber.confirmed_at and not subscriber.unsubscribed_at:
        return
    asked = f"news.newsletter.asked.{subscriber.pk}"
    # While the cache is away, the mail is sent; the cache records it only after the request for it has succeeded.
    if cache.get(asked) is None:
        subscription_requested.send(sender=Subscriber, subscriber=subscriber)
        subscriber.created_at = timezone.now()  # an address is kept for as long as the link in its newest letter
        subscriber.save(update_fields=["created_at"])
        cache.set(asked, 1, ASK_AGAIN_AFTER)


def send_confirmation(subscriber_id: int, *, message_id: str) -> None:
    """Send the confirmation mail.

    Args:
        subscriber_id: the subscriber's id.
        message_id: the same for every attempt at this mail.

    Raises:
        NotThereError: the subscriber does not exist.
    """
    subscriber = Subscriber.objects.filter(pk=subscriber_id).first()
    if subscriber is None:
        raise NotThereError(f"no subscriber {subscriber_id}")
    link = letters.site_url() + reverse("news:newsletter-confirm", args=(_signed(subscriber, _CONFIRM),))
    letters.send(
        "confirm",
        recipient=subscriber.email,
        language=subscriber.language,
        key=message_id,
        context={"link": link, "days": CONFIRM_WITHIN.days},
    )


def recipients(issue_id: int) -> Sequence[int]:
    """Record the recipients of an issue, and return those who have not got it yet.

    Raises:
        NotThereError: the issue does not exist.
    """
    with transaction.atomic():
        issue = NewsletterIssue.objects.select_for_update().filter(pk=issue_id).first()
        if issue is None:
            raise NotThereError(f"no newsletter {issue_id}")
        if not issue.copies.exists():
            active = Subscriber.objects.active().values_list("pk", flat=True)
            copies = (NewsletterCopy(issue=issue, subscriber_id=subscriber) for subscriber in active.iterator())
            NewsletterCopy.objects.bulk_create(copies, batch_size=1000)
        # Editors see sent digests, too, which no editor has sent.
        NewsletterIssue.objects.filter(pk=issue.pk, sent_at=None).update(sent_at=timezone.now())
    return list(issue.copies.filter(sent_at__isnull=True).values_list("subscriber_id", flat=True))


def send_copy(issue_id: int, subscriber_id: int) -> None:
    """Send a subscriber's copy of an issue, unless it was sent, the subscriber has left, or another attempt is running.

    No transaction is open meanwhile: a mail server may take ten minutes.

    Raises:
        NotThereError: the copy does not exist.
        OSError: the mail server does not answer.
    """
    with _alone(issue_id, subscriber_id) as alone:
        if not alone:
            return
        copy = (
            NewsletterCopy.objects.select_related("issue", "subscriber")
            .filter(issue=issue_id, subscriber=subscriber_id)
            .first()
        )
        if copy is None:
            raise NotThereError(f"no copy of newsletter {issue_id} for subscriber {subscriber_id}")
        if copy.sent_at or copy.subscriber.unsubscribed_at:
            return
        _send_copy(copy)


def _send_copy(copy: NewsletterCopy) -> None:
    """Send a copy and record that; a sent copy is not sent again only because the database is away afterwards."""
    leave = letters.site_url() + reverse("news:newsletter-leave", args=(_signed(copy.subscriber, _LEAVE),))
    letters.send(
        "issue",
        recipient=copy.subscriber.email,
        language=copy.subscriber.language,
        key=f"newsletter {copy.issue_id} {copy.subscriber_id}",
        context={"issue": copy.issue, "body": render(copy.issue.body), "leave": leave},
        # One click in the mail program is enough: RFC 8058.
        headers={"List-Unsubscribe": f"<{leave}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )
    try:
        NewsletterCopy.objects.filter(pk=copy.pk).update(sent_at=timezone.now())
    except (OperationalError, InterfaceError) as error:
        logger.warning("a copy was sent, but that could not be recorded", extra={"problem": str(error)})


@contextmanager
def _alone(issue_id: int, subscriber_id: int) -> Iterator[bool]:
    """Lock a copy for the block, and yield whether no other attempt had it locked."""
    name = f"news.newsletter.copy.{issue_id}.{subscriber_id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,))
        [alone] = cursor.fetchone()
    try:
        yield alone
    finally:
        if alone:
            # A lock ends with its connection, too.
            with suppress(OperationalError, InterfaceError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (name,))


def read_confirmation(token: str) -> Link | None:
    """Return the content of a confirmation link; None if it is invalid or expired."""
    return _read(token, _CONFIRM, CONFIRM_WITHIN)


def read_leave(token: str) -> Link | None:
    """Return the content of an unsubscribe link, which never expires; None if it is invalid."""
    return _read(token, _LEAVE, None)


def confirm(link: Link) -> bool:
    """Confirm the subscription, and return False if the address no longer exists."""
    found = Subscriber.objects.filter(pk=link.subscriber_id, email=link.email)
    return bool(found.update(confirmed_at=timezone.now(), unsubscribed_at=None))


def leave(link: Link) -> bool:
    """Unsubscribe the address, and return False if it no longer exists."""
    found = Subscriber.objects.filter(pk=link.subscriber_id, email=link.email)
    return bool(found.update(unsubscribed_at=timezone.now()))


def _signed(subscriber: Subscriber, purpose: str) -> str:
    return signing.dumps([subscriber.pk, subscriber.email], salt=purpose)


def _read(token: str, purpose: str, within: timedelta | None) -> Link | None:
    try:
        subscriber_id, email = signing.loads(token, salt=purpose, max_age=within)
    except signing.BadSignature:
        return None
    return Link(subscriber_id, email)
