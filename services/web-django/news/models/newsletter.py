"""The newsletter's subscribers, issues and copies."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    """Queries of subscribers."""

    def active(self) -> SubscriberQuerySet:
        """Return those who have confirmed and not unsubscribed since."""
        return self.filter(confirmed_at__isnull=False, unsubscribed_at__isnull=True)


class Subscriber(models.Model):
    """An entered address; until it is confirmed, it gets only the confirmation mail."""

    email = models.EmailField(_("email address"))
    language = models.CharField(_("language"), max_length=8, default="en")
    created_at = models.DateTimeField(_("date"), auto_now_add=True)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    unsubscribed_at = models.DateTimeField(_("left"), null=True, blank=True)

    objects: ClassVar[models.Manager[Subscriber]] = SubscriberQuerySet.as_manager()

    class Meta:
        """The newest first; an address is unique regardless of case."""

        ordering = ("-created_at", "-pk")
        constraints = (models.UniqueConstraint(Upper("email"), name="news_subscriber_email_unique"),)
        verbose_name = _("subscriber")
        verbose_name_plural = _("subscribers")

    def __str__(self) -> str:
        """Return the address."""
        return self.email


class NewsletterIssue(models.Model):
    """One mail to all subscribers."""

    subject = models.CharField(_("subject"), max_length=160)
    body = models.TextField(_("text"), help_text=_("Markdown."))
    created_at = models.DateTimeField(_("date"), auto_now_add=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True, editable=False)

    class Meta:
        """The newest first."""

        ordering = ("-created_at", "-pk")
        # A separate right, because sending cannot be undone.
        permissions = (("send_newsletterissue", _("Can send newsletters")),)
        verbose_name = _("newsletter")
        verbose_name_plural = _("newsletters")

    def __str__(self) -> str:
        """Return the subject."""
        return self.subject


class NewsletterCopy(models.Model):
    """A record that an issue was sent to a subscriber, so that nobody gets it twice."""

    issue = models.ForeignKey(
        NewsletterIssue, verbose_name=_("newsletter"), on_delete=models.CASCADE, related_name="copies"
    )
    subscriber = models.ForeignKey(
        Subscriber, verbose_name=_("subscriber"), on_delete=models.CASCADE, related_name="copies"
    )
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        """Unique by issue and subscriber."""

        constraints = (models.UniqueConstraint(fields=("issue", "subscriber"), name="news_newslettercopy_unique"),)
        verbose_name = _("copy of a newsletter")
        verbose_name_plural = _("copies of newsletters")

    def __str__(self) -> str:
        """Return issue and address."""
        return f"{self.issue}: {self.subscriber}"
