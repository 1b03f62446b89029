"""Articles, categories and tags."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from news.markdown import render
from news.paths import cover_path, rendition_path

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

WORDS_A_MINUTE = 220


@dataclass(frozen=True)
class Edition:
    """The version of a list of articles."""

    count: int
    last_modified: datetime | None


class ArticleQuerySet(models.QuerySet["Article"]):
    """Queries of articles."""

    def published(self) -> ArticleQuerySet:
        """Return the public articles: published ones whose date is not in the future."""
        return self.filter(status=Article.Status.PUBLISHED, published_at__lte=timezone.now())

    def publish(self) -> int:
        """Publish the drafts among them and return their number.

        A future date stays, so the article appears then; a past date becomes the present time, because readers see the
        article from now on.
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
        """Turn the published articles among them into drafts and return their number."""
        return self.filter(status=Article.Status.PUBLISHED).update(
            status=Article.Status.DRAFT, modified_at=timezone.now()
        )

    def listed(self) -> ArticleQuerySet:
        """Return them with the related rows for a list."""
        return self.select_related("category").prefetch_related("tags", "renditions").defer("search")

    def edition(self) -> Edition:
        """Return their number, and the last time that one of them changed or became public."""
        # Separate queries, because each reads the end of an index.
        moments = [
            self.order_by(f"-{name}").values_list(name, flat=True).first() for name in ("modified_at", "published_at")
        ]
        return Edition(self.count(), max((moment for moment in moments if moment), default=None))


class CategoryQuerySet(models.QuerySet["Category"]):
    """Queries of categories."""

    def in_use(self) -> CategoryQuerySet:
        """Return the categories with published articles."""
        return self.filter(models.Exists(Article.objects.published().filter(category=models.OuterRef("pk"))))


class Category(models.Model):
    """A category; an article has one or none."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    slug = models.SlugField(_("address"), max_length=80, unique=True)
    description = models.CharField(_("description"), max_length=300, blank=True)

    objects: ClassVar[models.Manager[Category]] = CategoryQuerySet.as_manager()

    class Meta:
        """In alphabetical order."""

        ordering = ("name",)
        verbose_name = _("category")
        verbose_name_plural = _("categories")

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def get_absolute_url(self) -> str:
        """Return the address of its articles' list."""
        return reverse("news:category", args=(self.slug,))


class Tag(models.Model):
    """A tag; an article may have several."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    slug = models.SlugField(_("address"), max_length=60, unique=True)

    class Meta:
        """In alphabetical order."""

        ordering = ("name",)
        verbose_name = _("tag")
        verbose_name_plural = _("tags")

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def get_absolute_url(self) -> str:
        """Return the address of its articles' list."""
        return reverse("news:tag", args=(self.slug,))


#: PostgreSQL's configuration ``russian`` stems Latin words as English and Cyrillic ones as Russian.
#: https://www.postgresql.org/docs/17/textsearch-psql.html
SEARCH_CONFIG = "russian"


class Article(models.Model):
    """An article."""

    class Status(models.TextChoices):
        """Whether an article is public."""

        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")

    title = models.CharField(_("title"), max_length=160)
    slug = models.SlugField(
        _("address"), max_length=160, unique=True, help_text=_("The last part of the page's address.")
    )
    summary = models.CharField(_("summary"), max_length=300, help_text=_("One or two sentences for the list."))
    body = models.TextField(_("text"), help_text=_("Markdown; a blank line begins a new paragraph."))
    category = models.ForeignKey(
        Category, verbose_name=_("category"), on_delete=models.SET_NULL, null=True, blank=True, related_name="articles"
    )
    tags = models.ManyToManyField(Tag, verbose_name=_("tags"), blank=True, related_name="articles")
    # With the database's own default the previous release, which knows no covers, can still write articles.
    cover = models.ImageField(
        _("cover picture"),
        upload_to=cover_path,
        width_field="cover_width",
        height_field="cover_height",
        blank=True,
        default="",
        db_default="",
        help_text=_("JPEG, PNG, WebP or AVIF; at least 640 by 320 pixels, at most 10 MB."),
    )
    cover_alt = models.CharField(
        _("what the picture shows"),
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text=_("Read out to those who do not see it."),
    )
    cover_width = models.PositiveIntegerField(_("width"), null=True, blank=True, editable=False)
    cover_height = models.PositiveIntegerField(_("height"), null=True, blank=True, editable=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("account of the author"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="articles",
    )
    author_name = models.CharField(_("author"), max_length=120, help_text=_("The name that readers see."))
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.DRAFT)
    published_at = models.DateTimeField(
        _("date"),
        default=timezone.now,
        help_text=_("A published article with a date in the future appears by itself then."),
    )
    modified_at = models.DateTimeField(_("last change"), auto_now=True)
    #: Generated by the database; a word in the title has more weight than one in the text.
    search = models.GeneratedField(
        expression=SearchVector("title", weight="A", config=SEARCH_CONFIG)
        + SearchVector("summary", weight="B", config=SEARCH_CONFIG)
        + SearchVector("body", weight="C", config=SEARCH_CONFIG),
        output_field=SearchVectorField(),
        db_persist=True,
        editable=False,
    )

    objects: ClassVar[models.Manager[Article]] = ArticleQuerySet.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-published_at", "-pk")
        indexes = (
            models.Index(fields=("status", "-published_at"), name="news_article_listed"),
            # For the last change of a list: with this index the database reads one row, not all rows.
            models.Index(fields=("status", "modified_at"), name="news_article_changed"),
            GinIndex(fields=("search",), name="news_article_search"),
        )
        # A separate right: not every author may publish.
        permissions = (("publish_article", _("Can publish and withdraw articles")),)
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
        """Whether the article is public now."""
        return self.status == self.Status.PUBLISHED and self.published_at <= timezone.now()

    @property
    def html(self) -> SafeString:
        """The text as safe HTML."""
        return render(self.body)

    @property
    def minutes(self) -> int:
        """The reading time in minutes, at least one."""
        return max(1, math.ceil(len(self.body.split()) / WORDS_A_MINUTE))


class Rendition(models.Model):
    """A cover picture in one width and one format, for the browser's choice."""

    article = models.ForeignKey(Article, verbose_name=_("article"), on_delete=models.CASCADE, related_name="renditions")
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    format = models.CharField(_("format"), max_length=8)
    file = models.FileField(_("file"), upload_to=rendition_path, max_length=200)

    class Meta:
        """Unique by article, width and format; the smallest first."""

        ordering = ("format", "width")
        constraints = (models.UniqueConstraint(fields=("article", "width", "format"), name="news_rendition_unique"),)
        verbose_name = _("rendition")
        verbose_name_plural = _("renditions")

    def __str__(self) -> str:
        """Return width and format."""
        return f"{self.width} {self.format}"
