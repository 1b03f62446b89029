"""Categories and tags in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from news.models import Category, Tag

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class TopicAdmin[Topic: (Category, Tag)](admin.ModelAdmin[Topic]):
    """What articles are found by: a name, the address that is made of it, and how many articles there are."""

    list_display = ("name", "slug", "articles")
    ordering = ("name",)
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012 - Django's own way

    def get_queryset(self, request: HttpRequest) -> QuerySet[Topic]:
        """Count the articles in the same query."""
        topics: QuerySet[Topic] = super().get_queryset(request).annotate(article_count=Count("articles"))
        return topics

    @admin.display(description=_("articles"), ordering="article_count")
    def articles(self, topic: Topic) -> int:
        """Return how many articles there are, drafts included."""
        count: int = topic.article_count  # type: ignore[attr-defined] # the annotation above
        return count


@admin.register(Category)
class CategoryAdmin(TopicAdmin[Category]):
    """The sections of the paper."""


@admin.register(Tag)
class TagAdmin(TopicAdmin[Tag]):
    """What articles are about."""
