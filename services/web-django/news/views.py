"""The public pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.views.generic import DetailView, ListView

from news import caching, search
from news.models import Article, Category, Tag

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from news.models import ArticleQuerySet, Comment
    from news.models.articles import Edition


class CountedPaginator(Paginator[Article]):
    """A paginator with a given number of articles: one query returns the number and the last change."""

    edition: Edition

    @cached_property
    def count(self) -> int:
        """The number of articles on all pages."""
        return self.edition.count


class ArticleListView(ListView[Article]):
    """Published articles, the newest first.

    The template caches the rendered list under the page's number, the articles' number and their last change: an
    editor's change shows at once, and nothing has to be purged.
    """

    template_name = "news/list.html"
    context_object_name = "articles"
    paginate_by = 6
    paginator_class = CountedPaginator

    #: The category or tag of the list, if any.
    topic: Category | Tag | None = None

    def get_queryset(self) -> QuerySet[Article]:
        """Return what readers may see."""
        return self.articles().listed()

    def articles(self) -> ArticleQuerySet:
        """Return the articles of this list."""
        return Article.objects.published()

    @cached_property
    def edition(self) -> Edition:
        """The number of articles, and the time of their last change."""
        return self.articles().edition()

    def get_paginator(self, *args: Any, **kwargs: Any) -> Paginator[Article]:  # noqa: ANN401 - Django's own signature
        """Return the paginator, which need not count."""
        paginator = super().get_paginator(*args, **kwargs)
        paginator.edition = self.edition  # type: ignore[attr-defined]  # the class above
        return paginator

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - Django's own signature
        """Add the list's topic and its cache key."""
        version = (self.request.path, get_language(), self.edition.count, self.edition.last_modified)
        return super().get_context_data(
            topic=self.topic, categories=Category.objects.in_use(), version=repr(version), **kwargs
        )

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401
        """Answer, with caching headers."""
        response = super().dispatch(request, *args, **kwargs)
        caching.mark(request, response, self.edition.last_modified, parameters=["page"])
        return response


class CategoryView(ArticleListView):
    """The articles of a category."""

    def articles(self) -> ArticleQuerySet:
        """Return its published articles."""
        self.topic = self.topic or get_object_or_404(Category, slug=self.kwargs["slug"])
        return super().articles().filter(category=self.topic.pk)


class TagView(ArticleListView):
    """The articles with a tag."""

    def articles(self) -> ArticleQuerySet:
        """Return its published articles."""
        self.topic = self.topic or get_object_or_404(Tag, slug=self.kwargs["slug"])
        return super().articles().filter(tags=self.topic.pk)


class SearchView(ListView[Article]):
    """The articles that match a search, the best first, with the found words marked."""

    template_name = "news/search.html"
    context_object_name = "articles"
    paginate_by = 10

    @property
    def words(self) -> str:
        """The query."""
        return self.request.GET.get("q", "").strip()[: search.LONGEST]

    def get_queryset(self) -> QuerySet[Article]:
        """Return the matching public articles."""
        if not self.words:
            return Article.objects.none()
        found = search.matching(Article.objects.published(), self.words)
        return search.with_excerpts(found.select_related("category").defer("search"), self.words)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - Django's own signature
        """Add the words, and the excerpts as HTML."""
        context = super().get_context_data(words=self.words, **kwargs)
        for article in context["articles"]:
            article.marked = search.marked(article.excerpt)
        return context

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # noqa: ANN401
        """Answer, with caching headers."""
        response = super().get(request, *args, **kwargs)
        caching.mark(request, response, parameters=["q", "page"])
        return response


class ArticleDetailView(DetailView[Article]):
    """One published article, with its comments."""

    template_name = "news/detail.html"
    context_object_name = "article"

    def get_queryset(self) -> QuerySet[Article]:
        """Return what readers may see."""
        # Tags and renditions are read in the template: for one article a prefetch is no fewer queries, and more work.
        return self.articles().select_related("category").defer("search")

    def articles(self) -> ArticleQuerySet:
        """Return the public articles."""
        return Article.objects.published()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - Django's own signature
        """Add the comments."""
        return super().get_context_data(comments=self.comments, **kwargs)

    @cached_property
    def comments(self) -> list[Comment]:
        """The comments that readers see, the oldest first."""
        return list(self.object.comments.approved())

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # noqa: ANN401
        """Answer, with caching headers."""
        response = super().get(request, *args, **kwargs)
        caching.mark(request, response, self.last_modified())
        return response

    def last_modified(self) -> datetime:
        """Return the page's last change: that of the article, its publication, or the newest comment."""
        newest = [comment.created_at for comment in self.comments[-1:]]
        return max(self.object.modified_at, self.object.published_at, *newest)
