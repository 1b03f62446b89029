"""Scheduled maintenance."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from news import letters
from news.models import Article, Comment, NewsletterIssue, Subscriber
from news.newsletter import CONFIRM_WITHIN

#: The period of a digest.
DIGEST_OF = timedelta(days=7)

#: The time after its last change for which a draft is kept.
DRAFTS_KEPT = timedelta(days=180)

#: The time for which comments are kept that readers do not see: rejected ones, and those that wait.
REJECTED_KEPT = timedelta(days=30)
PENDING_KEPT = timedelta(days=180)


@transaction.atomic
def make_digest() -> int | None:
    """Make a newsletter of the week's articles, and return its id.

    None if there was no article, or if this week's digest has been sent already. A digest that was made but never sent,
    because the broker was away, is returned again.
    """
    now = timezone.now()
    articles = Article.objects.published().filter(published_at__gt=now - DIGEST_OF)
    year, week, _day = now.isocalendar()
    subject = _("The week on the quay: week %(week)d of %(year)d") % {"week": week, "year": year}
    made = NewsletterIssue.objects.filter(subject=subject).first()
    if made:
        return None if made.sent_at else made.pk
    if not articles:
        return None
    parts = [
        f"## [{_bare(article.title)}]({letters.site_url()}{article.get_absolute_url()})\n\n{article.summary}"
        for article in articles
    ]
    return NewsletterIssue.objects.create(subject=subject, body="\n\n".join(parts)).pk


def remove_expired() -> int:
    """Delete everything here that is kept for a time, and return its number."""
    return remove_expired_drafts() + remove_unconfirmed_subscribers() + remove_old_comments()


def remove_expired_drafts() -> int:
    """Delete drafts without a change for :data:`DRAFTS_KEPT`, and return their number."""
    drafts = Article.objects.filter(
        status=Article.Status.DRAFT, modified_at__lt=timezone.now() - DRAFTS_KEPT, published_at__lt=timezone.now()
    )
    _total, by_model = drafts.delete()
    return by_model.get("news.Article", 0)


def remove_unconfirmed_subscribers() -> int:
    """Delete addresses whose link has expired without a confirmation, and return their number."""
    asked = timezone.now() - CONFIRM_WITHIN
    _total, by_model = Subscriber.objects.filter(confirmed_at=None, created_at__lt=asked).delete()
    return by_model.get("news.Subscriber", 0)


def remove_old_comments() -> int:
    """Delete comments that were rejected, or that no moderator has approved for long, and return their number."""
    now = timezone.now()
    unseen = Q(status=Comment.Status.REJECTED, created_at__lt=now - REJECTED_KEPT)
    unseen |= Q(status=Comment.Status.PENDING, created_at__lt=now - PENDING_KEPT)
    return Comment.objects.filter(unseen).delete()[0]


def _bare(title: str) -> str:
    """Return a title with escaped brackets, for the text of a link."""
    return title.replace("[", "(").replace("]", ")")
