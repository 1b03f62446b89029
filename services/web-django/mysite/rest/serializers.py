"""Serializers of requests and responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts import guard
from django.contrib.auth import authenticate
from django.utils.translation import gettext as _
from news.models import Article, Category, Comment, Tag
from rest_framework import serializers

from mysite import content, rules

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser


class CategorySerializer(serializers.ModelSerializer[Category]):
    """A category."""

    class Meta:
        """Which fields."""

        model = Category
        fields = ("name", "slug", "description")


class TagSerializer(serializers.ModelSerializer[Tag]):
    """A tag."""

    class Meta:
        """Which fields."""

        model = Tag
        fields = ("name", "slug")


class ArticleSerializer(serializers.ModelSerializer[Article]):
    """An article in a list, without its text."""

    url = serializers.HyperlinkedIdentityField(view_name="rest:article-detail", lookup_field="slug")
    page = serializers.SerializerMethodField(help_text="The address of its page for people.")
    category = serializers.SlugRelatedField(slug_field="slug", queryset=Category.objects.all(), allow_null=True)
    tags = serializers.SlugRelatedField(slug_field="slug", queryset=Tag.objects.all(), many=True)
    cover = serializers.ImageField(read_only=True, use_url=True)

    class Meta:
        """Which fields."""

        model = Article
        fields: tuple[str, ...] = (
            "url",
            "page",
            "title",
            "slug",
            "summary",
            "category",
            "tags",
            "author_name",
            "cover",
            "cover_alt",
            "status",
            "published_at",
            "modified_at",
        )
        read_only_fields: tuple[str, ...] = fields

    def get_page(self, article: Article) -> str:
        """Return the absolute address of the article's page."""
        address = article.get_absolute_url()
        request = self.context.get("request")
        return str(request.build_absolute_uri(address)) if request else address


class ArticleDetailSerializer(ArticleSerializer):
    """An article with its text, and its writable fields."""

    body = serializers.CharField(help_text="Markdown.")
    html = serializers.SerializerMethodField(help_text="The text as the page shows it, safe to show elsewhere.")
    category = serializers.SlugRelatedField(
        slug_field="slug", queryset=Category.objects.all(), allow_null=True, required=False
    )
    tags = serializers.SlugRelatedField(slug_field="slug", queryset=Tag.objects.all(), many=True, required=False)

    class Meta(ArticleSerializer.Meta):
        """Which fields."""

        fields = (*ArticleSerializer.Meta.fields, "body", "html")
        read_only_fields = ("author_name", "modified_at", "cover")
        extra_kwargs = {"cover_alt": {"required": False}}  # noqa: RUF012 - Django REST framework's own way

    def get_html(self, article: Article) -> str:
        """Return the rendered text."""
        return content.html(article)

    def validate_status(self, status: str) -> str:
        """Allow only editors to publish and withdraw.

        Raises:
            ValidationError: the user is no editor.
        """
        return self._only_editors_change("status", status, Article.Status.DRAFT)

    def validate_published_at(self, date: datetime) -> datetime:
        """Allow only editors to set the date of publication.

        Raises:
            ValidationError: the user is no editor.
        """
        return self._only_editors_change("published_at", date, date)

    def _only_editors_change[T](self, name: str, value: T, default: T) -> T:
        before = getattr(self.instance, name) if self.instance else default
        if value != before and not rules.allowed(self.context["request"].user, rules.PUBLISH_ARTICLES):
            raise serializers.ValidationError(_("Only editors publish and withdraw articles."))
        return value


class CommentSerializer(serializers.ModelSerializer[Comment]):
    """A comment; its status is changed by moderators' own actions."""

    article = serializers.SlugRelatedField[Article](slug_field="slug", queryset=Article.objects.none())

    class Meta:
        """Which fields."""

        model = Comment
        fields = ("id", "article", "name", "text", "status", "created_at")
        read_only_fields = ("name", "status", "created_at")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Allow comments only below published articles; a comment's article never changes."""
        fields = super().get_fields()
        changing = isinstance(self.instance, Comment)
        given: dict[str, Any] = {"read_only": True} if changing else {"queryset": content.commentable_articles()}
        fields["article"] = serializers.SlugRelatedField(slug_field="slug", **given)
        return fields


class NewTokenSerializer(serializers.Serializer[Any]):
    """A name and a password, in exchange for a token."""

    username = serializers.CharField(write_only=True)
    password = serializers.CharField(write_only=True, trim_whitespace=False, style={"input_type": "password"})
    name = serializers.CharField(write_only=True, required=False, max_length=80, help_text="What you call the token.")
    token = serializers.CharField(read_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Find the user.

        Raises:
            ValidationError: name or password is wrong, or the account is locked.
        """
        # Django's own request: django-axes marks it.
        request = self.context["request"]._request  # noqa: SLF001
        user: AbstractBaseUser | None = authenticate(request, username=attrs["username"], password=attrs["password"])
        if user is None:
            raise serializers.ValidationError(_("This name and password do not fit."), code="authorization")
        guard.succeeded(request)
        return {**attrs, "user": user}
