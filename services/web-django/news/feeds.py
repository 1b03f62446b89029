"""Pages for programs: the Atom feed, the sitemap, and robots.txt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import sitemap as sitemap_view
from django.contrib.syndication.views import Feed
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from news import caching
from news.models import Article, Category, Tag

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

#: Articles in the feed.
FEED_LENGTH = 20


class ArticleFeed(Feed[Article, None]):
    """The newest articles, with their whole texts."""

    feed_type = Atom1Feed
    title = _("Harbour notes")
    subtitle = _("Notes on running Python services that people can rely on.")

    def link(self) -> str:
        """Return the address of the list."""
        return reverse("news:list")

    def feed_url(self) -> str:
        """Return the feed's own address."""
        return reverse("news:feed")

    def items(self) -> QuerySet[Article]:
        """Return the newest published articles."""
        return Article.objects.published().listed()[:FEED_LENGTH]

    def item_title(self, item: Model) -> str:
        """Return the title."""
        return str(item)

    def item_description(self, item: Article) -> str:
        """Return the text as HTML."""
        return item.html

    def item_author_name(self, item: Article) -> str:
        """Return the author."""
        return item.author_name

    def item_pubdate(self, item: Article) -> datetime:
        """Return the date."""
        return item.published_at

    def item_updateddate(self, item: Article) -> datetime:
        """Return the last change."""
        return item.modified_at

    def item_categories(self, item: Article) -> list[str]:
        """Return category and tags."""
        return [*([item.category.name] if item.category else []), *(tag.name for tag in item.tags.all())]

    def __call__(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Answer, with caching headers."""
        response = super().__call__(request, *args, **kwargs)
        caching.mark(request, response, Article.objects.published().edition().last_modified)
        return response


class ArticleSitemap(Sitemap[Article]):
    """Every published article."""

    changefreq = "monthly"

    def items(self) -> QuerySet[Article]:
        """Return the published articles."""
        return Article.objects.published().only("slug", "modified_at", "published_at")

    def lastmod(self, item: Article) -> datetime:
        """Return the last change."""
        return item.modified_at


class TopicSitemap(Sitemap[Any]):
    """The front page, and every category and tag that has published articles."""

    changefreq = "daily"

    def items(self) -> list[str]:
        """Return the paths."""
        published = Article.objects.published()
        tags = Tag.objects.filter(articles__in=published).distinct()
        return [reverse("news:list"), *(topic.get_absolute_url() for topic in (*Category.objects.in_use(), *tags))]

    def location(self, item: str) -> str:
        """Return the path itself."""
        return item


@require_safe
def sitemap(request: HttpRequest) -> HttpResponseBase:
    """Return the sitemap."""
    response = sitemap_view(request, {"articles": ArticleSitemap, "topics": TopicSitemap})
    caching.mark(request, response, parameters=["p"])
    return response


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Return robots.txt."""
    text = render_to_string("news/robots.txt", {"sitemap": request.build_absolute_uri(reverse("news:sitemap"))})
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    caching.mark(request, response)
    return response
