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
    """Categories or tags: the name, the slug that is made of it, and the number of articles."""

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
        """Return the number of articles, including drafts."""
        count: int = topic.article_count  # type: ignore[attr-defined] # the annotation above
        return count


@admin.register(Category)
class CategoryAdmin(TopicAdmin[Category]):
    """Categories in the admin."""


@admin.register(Tag)
class TagAdmin(TopicAdmin[Tag]):
    """Tags in the admin."""
