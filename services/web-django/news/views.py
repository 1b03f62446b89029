"""The pages that readers see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.views.generic import DetailView, ListView

from news.models import Article

if TYPE_CHECKING:
    from django.db.models import QuerySet


class ArticleListView(ListView[Article]):
    """The published articles, the newest first.

    The template keeps the rendered list in the cache under the page's number, the articles' count and their last
    change: whatever an editor does shows at once, and nothing has to be thrown away by hand.
    """

    template_name = "news/list.html"
    context_object_name = "articles"
    paginate_by = 6

    def get_queryset(self) -> QuerySet[Article]:
        """Return what readers may see."""
        return Article.objects.published().prefetch_related("renditions")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - Django's own signature
        """Add when one of the articles last changed."""
        return super().get_context_data(last_modified=Article.objects.published().last_modified(), **kwargs)


class ArticleDetailView(DetailView[Article]):
    """One published article."""

    template_name = "news/detail.html"
    context_object_name = "article"

    def get_queryset(self) -> QuerySet[Article]:
        """Return what readers may see."""
        return Article.objects.published()
