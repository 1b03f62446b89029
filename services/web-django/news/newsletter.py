"""The newsletter: who wants it, who has it.

An address that somebody entered gets one mail, which asks. Only the link in it makes the address a subscriber's.
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

#: How long the question in a mail may be answered.
CONFIRM_WITHIN = timedelta(days=7)

#: Seconds between two questions to the same address: nobody shall fill somebody's inbox through us.
ASK_AGAIN_AFTER = 300

_CONFIRM, _LEAVE = "news.newsletter.confirm", "news.newsletter.leave"


class NotThereError(LookupError):
    """The subscriber or the issue is not in the database, or not yet."""


@dataclass(frozen=True)
class Link:
    """What a link in a mail says, once its signature was found right."""

    subscriber_id: int
    email: str


@transaction.atomic
def subscribe(email: str) -> None:
    """Take an address, and ask it by mail. Who is a subscriber already hears nothing: nobody can find out who is.

    Raises:
        ConnectionError: nobody took the mail on; nothing was stored.
    """
    # Of two requests with a new address at once, the second waits for the first one's row and takes that.
    subscriber, _created = Subscriber.objects.select_for_update().get_or_create(
        email__iexact=email, defaults={"email": email, "language": get_language() or "en"}
    )
    if subscriber.confirmed_at and not subscriber.unsubscribed_at:
        return
    asked = f"news.newsletter.asked.{subscriber.pk}"
    # A cache that is away has nothing, so the question goes out; and it is noted down only once somebody has taken it.
    if cache.get(asked) is None:
        subscription_requested.send(sender=Subscriber, subscriber=subscriber)
        cache.set(asked, 1, ASK_AGAIN_AFTER)


def send_confirmation(subscriber_id: int, *, message_id: str) -> None:
    """Ask whether the address is its owner's, and whether they want the newsletter.

    Args:
        subscriber_id: who.
        message_id: the same for every attempt at this mail.

    Raises:
        NotThereError: there is no such subscriber.
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
    """Note down who gets an issue, and return those who do not have it yet.

    Raises:
        NotThereError: there is no such issue.
    """
    with transaction.atomic():
        issue = NewsletterIssue.objects.select_for_update().filter(pk=issue_id).first()
        if issue is None:
            raise NotThereError(f"no newsletter {issue_id}")
        if not issue.copies.exists():
            active = Subscriber.objects.active().values_list("pk", flat=True)
            copies = (NewsletterCopy(issue=issue, subscriber_id=subscriber) for subscriber in active.iterator())
            NewsletterCopy.objects.bulk_create(copies, batch_size=1000)
        # Editors see that a digest went out, too, which none of them has sent.
        NewsletterIssue.objects.filter(pk=issue.pk, sent_at=None).update(sent_at=timezone.now())
    return list(issue.copies.filter(sent_at__isnull=True).values_list("subscriber_id", flat=True))


def send_copy(issue_id: int, subscriber_id: int) -> None:
    """Send somebody's copy of an issue, unless they have it, have left, or another attempt is at it.

    No transaction is open meanwhile: a mail server may take ten minutes.

    Raises:
        NotThereError: this copy is nobody's.
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
    """Send a copy and note that down; a copy that has left is not sent again because the database is away then."""
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
        logger.warning("a copy has left, and that could not be noted down", extra={"problem": str(error)})


@contextmanager
def _alone(issue_id: int, subscriber_id: int) -> Iterator[bool]:
    """Keep other attempts at a copy off for the time of the block, and hand out whether none is at it."""
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
    """Return what the link of a question says; None if it is wrong or too old."""
    return _read(token, _CONFIRM, CONFIRM_WITHIN)


def read_leave(token: str) -> Link | None:
    """Return what the link to leave says; None if it is wrong. It never gets too old."""
    return _read(token, _LEAVE, None)


def confirm(link: Link) -> bool:
    """Make the address a subscriber's, and return False if it is not there any more."""
    found = Subscriber.objects.filter(pk=link.subscriber_id, email=link.email)
    return bool(found.update(confirmed_at=timezone.now(), unsubscribed_at=None))


def leave(link: Link) -> bool:
    """Send nothing more to the address, and return False if it is not there any more."""
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
