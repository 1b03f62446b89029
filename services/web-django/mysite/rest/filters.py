"""Filters and the order of lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from news.models import Article, Category, Comment, Tag
from rest_framework.filters import BaseFilterBackend

from mysite import content

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from rest_framework.request import Request
    from rest_framework.views import APIView


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class TagsFilter(filters.ModelMultipleChoiceFilter):  # type: ignore[misc] # django-filter has no types
    """Filters by several tags' slugs; results have all of them."""


class ArticleFilter(filters.FilterSet):  # type: ignore[misc] # django-filter has no types
    """Filters of the articles."""

    category = filters.ModelChoiceFilter(queryset=Category.objects.all(), to_field_name="slug")
    tag = TagsFilter(field_name="tags__slug", queryset=Tag.objects.all(), to_field_name="slug", conjoined=True)
    status = filters.ChoiceFilter(choices=Article.Status.choices)
    published_after = filters.IsoDateTimeFilter(field_name="published_at", lookup_expr="gte")
    published_before = filters.IsoDateTimeFilter(field_name="published_at", lookup_expr="lt")

    class Meta:
        """Which model, and nothing beyond what stands above."""

        model = Article
        fields = ()


class CommentFilter(filters.FilterSet):  # type: ignore[misc] # django-filter has no types
    """Filters of the comments."""

    # By its slug and not as a choice: the list of choices would contain every article.
    article = filters.CharFilter(field_name="article__slug")
    status = filters.ChoiceFilter(choices=Comment.Status.choices)
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        """Which model, and nothing beyond what stands above."""

        model = Comment
        fields = ()


class FullTextSearch(BaseFilterBackend):
    """``?search=``: the site's own search, the best matches first unless an order is requested."""

    parameter = "search"

    def filter_queryset[M: Model, Row](
        self,
        request: Request,
        queryset: QuerySet[M, Row],
        view: APIView,  # noqa: ARG002 - Django REST framework passes it by name
    ) -> QuerySet[M, Row]:
        """Return the matching articles, or all without a search."""
        words = request.query_params.get(self.parameter, "").strip()
        return content.search(queryset, words) if words else queryset

    def get_schema_operation_parameters(self, _view: APIView) -> list[dict[str, Any]]:
        """Return OpenAPI's description of the parameter."""
        description = str(_("Words to search titles, summaries and texts for."))
        return [
            {
                "name": self.parameter,
                "required": False,
                "in": "query",
                "description": description,
                "schema": {"type": "string"},
            }
        ]
