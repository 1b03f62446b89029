"""Previews of articles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.views.decorators.cache import never_cache

from news.models import Article
from news.views import ArticleDetailView

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from news.models import ArticleQuerySet


class _PreviewView(ArticleDetailView):
    """The public page, for any article."""

    def articles(self) -> ArticleQuerySet:
        return Article.objects.all()


@never_cache
def preview(request: HttpRequest, article: Article) -> HttpResponseBase:
    """Return the page of an article, whatever its status. The caller has checked that the user may see it."""
    response = _PreviewView.as_view()(request, slug=article.slug)
    response.headers["X-Robots-Tag"] = "noindex"
    return response
