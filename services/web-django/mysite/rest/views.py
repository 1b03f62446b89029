"""The views below ``/rest/``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Prefetch
from django.utils.cache import add_never_cache_headers
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from news.models import Article, Category, Comment, Tag
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.filters import OrderingFilter
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from mysite import content, rules
from mysite.rest import serializers
from mysite.rest.authentication import HashedTokenAuthentication
from mysite.rest.filters import ArticleFilter, CommentFilter, FullTextSearch
from mysite.rest.models import Token
from mysite.rest.pagination import Stream
from mysite.rest.permissions import ArticlePermission, CommentPermission, ModeratorPermission

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.request import Request
    from rest_framework.serializers import BaseSerializer


class Personal(APIView):
    """Responses that depend on the user, and may not be cached."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401
        """Forbid caching of the response."""
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        add_never_cache_headers(final)
        return final


class CategoryViewSet(Personal, viewsets.ReadOnlyModelViewSet[Category]):
    """Categories that articles are sorted into."""

    queryset = Category.objects.order_by("name")
    serializer_class = serializers.CategorySerializer
    lookup_field = "slug"


class TagViewSet(Personal, viewsets.ReadOnlyModelViewSet[Tag]):
    """Tags that articles carry."""

    queryset = Tag.objects.order_by("name")
    serializer_class = serializers.TagSerializer
    lookup_field = "slug"


class ArticleViewSet(Personal, viewsets.ModelViewSet[Article]):
    """Articles: published ones for everyone, all for editors, one's own for authors."""

    queryset = Article.objects.none()
    serializer_class = serializers.ArticleDetailSerializer
    permission_classes = (ArticlePermission,)
    lookup_field = "slug"
    filter_backends = (DjangoFilterBackend, FullTextSearch, OrderingFilter)
    filterset_class = ArticleFilter
    ordering_fields = ("published_at", "modified_at", "title")

    def get_queryset(self) -> QuerySet[Article]:
        """Return the rows that the caller may see, with the related rows for a response."""
        tags = Prefetch("tags", Tag.objects.only("slug"))
        articles = rules.visible_articles(self.request.user, Article.objects.all())
        articles = articles.select_related("category").prefetch_related(tags)
        return articles.defer("body", "search") if self.action == "list" else articles.defer("search")

    def get_serializer_class(self) -> type[BaseSerializer[Article]]:
        """Omit the texts in lists."""
        return serializers.ArticleSerializer if self.action == "list" else serializers.ArticleDetailSerializer

    def perform_create(self, serializer: BaseSerializer[Article]) -> None:
        """Store the article with its author."""
        user = self.request.user
        serializer.save(author_id=user.pk, author_name=content.display_name(user))


class CommentViewSet(Personal, viewsets.ModelViewSet[Comment]):
    """Comments: approved ones for everyone, all for moderators, one's own for those who wrote them."""

    queryset = Comment.objects.none()
    serializer_class = serializers.CommentSerializer
    permission_classes = (CommentPermission,)
    pagination_class = Stream
    filter_backends = (DjangoFilterBackend, OrderingFilter)
    filterset_class = CommentFilter
    ordering_fields = ("created_at",)
    ordering = Stream.ordering

    @property
    def throttle_scope(self) -> str | None:
        """The additional rate limits."""
        return "comment" if self.request.method == "POST" else None

    def get_queryset(self) -> QuerySet[Comment]:
        """Return the rows that the caller may see, with the related rows for a response."""
        comments = Comment.objects.select_related("article").defer("article__body", "article__search")
        return rules.visible_comments(self.request.user, comments)

    def perform_create(self, serializer: BaseSerializer[Comment]) -> None:
        """Store the comment; it waits for a moderator."""
        given: dict[str, Any] = serializer.validated_data
        serializer.instance = content.comment(given["article"], self.request.user, given["text"])

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], permission_classes=[ModeratorPermission])
    def approve(self, _request: Request, pk: str | None = None) -> Response:  # noqa: ARG002 - the router passes it
        """Show a comment to everyone (moderators)."""
        return self._moderate(Comment.Status.APPROVED)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], permission_classes=[ModeratorPermission])
    def reject(self, _request: Request, pk: str | None = None) -> Response:  # noqa: ARG002 - the router passes it
        """Hide a comment (moderators)."""
        return self._moderate(Comment.Status.REJECTED)

    def _moderate(self, verdict: Comment.Status) -> Response:
        comment = self.get_object()
        comment.status = verdict
        comment.save(update_fields=["status"])
        return Response(self.get_serializer(comment).data)


class TokenView(Personal):
    """The token that a program uses the interface with."""

    serializer_class = serializers.NewTokenSerializer
    throttle_scope = "login"

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Authenticate by token to revoke it; a request for a new one has only a password."""
        return [HashedTokenAuthentication()] if self.request and self.request.method == "DELETE" else []

    def get_permissions(self) -> Sequence[Any]:
        """Allow everyone to request a token."""
        return [IsAuthenticated()] if self.request.method == "DELETE" else [AllowAny()]

    def post(self, request: Request) -> Response:
        """Return a new token for a user's name and password. It is shown this one time."""
        serializer = serializers.NewTokenSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        token = Token.objects.issue(given["user"], given.get("name", ""))
        return Response({"token": token}, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        """Revoke the token that the request carries."""
        request.auth.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)
