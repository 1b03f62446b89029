"""What the news app stores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from news.text import paragraphs

if TYPE_CHECKING:
    from datetime import datetime

WORDS_A_MINUTE = 220


class ArticleQuerySet(models.QuerySet["Article"]):
    """Articles, selected by what readers may see."""

    def published(self) -> ArticleQuerySet:
        """Return the articles that readers see now: published ones whose date is not in the future."""
        return self.filter(status=Article.Status.PUBLISHED, published_at__lte=timezone.now())

    def publish(self) -> int:
        """Publish the drafts among them and return how many those were.

        A date that lies ahead stays, so the article appears by itself then; one that has passed becomes now, because
        that is when readers first see it.
        """
        now = timezone.now()
        date = models.Case(
            models.When(published_at__lt=now, then=models.Value(now)),
            default=models.F("published_at"),
        )
        return self.filter(status=Article.Status.DRAFT).update(
            status=Article.Status.PUBLISHED, published_at=date, modified_at=now
        )

    def withdraw(self) -> int:
        """Turn the published among them into drafts and return how many those were."""
        return self.filter(status=Article.Status.PUBLISHED).update(
            status=Article.Status.DRAFT, modified_at=timezone.now()
        )

    def last_modified(self) -> datetime | None:
        """Return when one of them was last changed, or None if there are none."""
        latest: datetime | None = self.aggregate(latest=models.Max("modified_at"))["latest"]
        return latest


class Article(models.Model):
    """A piece of writing."""

    class Status(models.TextChoices):
        """Whether an article is meant for readers."""

        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")

    title = models.CharField(_("title"), max_length=160)
    slug = models.SlugField(
        _("address"), max_length=160, unique=True, help_text=_("The last part of the page's address.")
    )
    summary = models.CharField(_("summary"), max_length=300, help_text=_("One or two sentences for the list."))
    body = models.TextField(_("text"), help_text=_("A blank line begins a new paragraph."))
    author_name = models.CharField(_("author"), max_length=120)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.DRAFT)
    published_at = models.DateTimeField(
        _("date"),
        default=timezone.now,
        help_text=_("A published article with a date in the future appears by itself then."),
    )
    modified_at = models.DateTimeField(_("last change"), auto_now=True)

    objects: ClassVar[models.Manager[Article]] = ArticleQuerySet.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-published_at", "-pk")
        indexes = (models.Index(fields=("status", "-published_at"), name="news_article_listed"),)
        verbose_name = _("article")
        verbose_name_plural = _("articles")

    def __str__(self) -> str:
        """Return the title."""
        return self.title

    def get_absolute_url(self) -> str:
        """Return the page's address."""
        return reverse("news:detail", args=(self.slug,))

    @property
    def is_public(self) -> bool:
        """Whether readers see it now."""
        return self.status == self.Status.PUBLISHED and self.published_at <= timezone.now()

    @property
    def paragraphs(self) -> list[str]:
        """The text in paragraphs."""
        return paragraphs(self.body)

    @property
    def minutes(self) -> int:
        """How long reading it takes, at least one minute."""
        return max(1, math.ceil(len(self.body.split()) / WORDS_A_MINUTE))
