"""The pages that readers see."""

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

    from news.models import ArticleQuerySet
    from news.models.articles import Edition


class CountedPaginator(Paginator[Article]):
    """A paginator that is told how many articles there are: one query asks for that and for their last change."""

    edition: Edition

    @cached_property
    def count(self) -> int:
        """How many articles there are on all pages."""
        return self.edition.count


class ArticleListView(ListView[Article]):
    """Published articles, the newest first.

    The template keeps the rendered list in the cache under the page's number, the articles' count and their last
    change: whatever an editor does shows at once, and nothing has to be thrown away by hand.
    """

    template_name = "news/list.html"
    context_object_name = "articles"
    paginate_by = 6
    paginator_class = CountedPaginator

    #: What the list is narrowed to, if it is.
    topic: Category | Tag | None = None

    def get_queryset(self) -> QuerySet[Article]:
        """Return what readers may see."""
        return self.articles().listed()

    def articles(self) -> ArticleQuerySet:
        """Return the articles of this list."""
        return Article.objects.published()

    @cached_property
    def edition(self) -> Edition:
        """How many articles there are, and when one of them last changed."""
        return self.articles().edition()

    def get_paginator(self, *args: Any, **kwargs: Any) -> Paginator[Article]:  # noqa: ANN401 - Django's own signature
        """Return the paginator, which need not count."""
        paginator = super().get_paginator(*args, **kwargs)
        paginator.edition = self.edition  # type: ignore[attr-defined]  # the class above
        return paginator

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - Django's own signature
        """Add what the list is about, and under which key it is kept."""
        version = (self.request.path, get_language(), self.edition.count, self.edition.last_modified)
        return super().get_context_data(
            topic=self.topic, categories=Category.objects.in_use(), version=repr(version), **kwargs
        )

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401
        """Answer, and say who may keep the answer."""
        response = super().dispatch(request, *args, **kwargs)
        caching.mark(request, response, self.edition.last_modified)
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
    """The articles that have the words that somebody looks for, the best first, with the words marked."""

    template_name = "news/search.html"
    context_object_name = "articles"
    paginate_by = 10

    @property
    def words(self) -> str:
        """What somebody looks for."""
        return self.request.GET.get("q", "").strip()[: search.LONGEST]

    def get_queryset(self) -> QuerySet[Article]:
        """Return what matches of what readers may see."""
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
        """Answer, and say who may keep the answer."""
        response = super().get(request, *args, **kwargs)
        caching.mark(request, response)
        return response


class ArticleDetailView(DetailView[Article]):
    """One published article, with what readers said to it."""

    template_name = "news/detail.html"
    context_object_name = "article"

    def get_queryset(self) -> QuerySet[Article]:
        """Return what readers may see."""
        return self.articles().select_related("category").prefetch_related("tags", "renditions").defer("search")

    def articles(self) -> ArticleQuerySet:
        """Return the articles that may be asked for."""
        return Article.objects.published()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - Django's own signature
        """Add the comments."""
        return super().get_context_data(comments=self.object.comments.approved(), **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # noqa: ANN401
        """Answer, and say who may keep the answer."""
        response = super().get(request, *args, **kwargs)
        caching.mark(request, response, self.last_modified())
        return response

    def last_modified(self) -> datetime:
        """Return when the page last changed: the article, its coming into sight, or the newest comment."""
        comment = self.object.comments.approved().order_by("-created_at").values_list("created_at", flat=True).first()
        return max(moment for moment in (self.object.modified_at, self.object.published_at, comment) if moment)
