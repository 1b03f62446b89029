"""The GraphQL types. The optimizer turns nested ones into a fixed number of queries."""

# No `from __future__ import annotations`: strawberry reads the annotations of these classes where they stand.

from typing import TYPE_CHECKING, Annotated

import strawberry
import strawberry_django
from django.db.models import QuerySet
from news import models
from strawberry import Info, auto
from strawberry_django.pagination import OffsetPaginated

from mysite import content, rules

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser


def viewer(info: Info) -> "AbstractBaseUser | AnonymousUser":
    """Return the request's user."""
    user: AbstractBaseUser | AnonymousUser = info.context.request.user
    return user


@strawberry_django.type(models.Category, name="Category")
class CategoryType:
    """A category."""

    name: auto
    slug: auto
    description: auto


@strawberry_django.type(models.Tag, name="Tag")
class TagType:
    """A tag."""

    name: auto
    slug: auto


@strawberry_django.type(models.Comment, name="Comment")
class CommentType:
    """A comment: readers see approved ones, and their own."""

    id: auto
    name: auto
    text: auto
    status: auto
    created_at: auto
    article: Annotated["ArticleType", strawberry.lazy("mysite.graphql.types")]

    @classmethod
    def get_queryset(cls, queryset: QuerySet[models.Comment], info: Info) -> QuerySet[models.Comment]:
        """Leave out rows that the user may not see."""
        return rules.visible_comments(viewer(info), queryset)


@strawberry_django.type(models.Article, name="Article")
class ArticleType:
    """An article: readers see published ones, and their own."""

    title: auto
    slug: auto
    summary: auto
    body: auto
    author_name: auto
    status: auto
    published_at: auto
    modified_at: auto
    cover_alt: auto
    category: CategoryType | None
    tags: list[TagType]
    comments: OffsetPaginated[CommentType] = strawberry_django.offset_paginated()

    @classmethod
    def get_queryset(cls, queryset: QuerySet[models.Article], info: Info) -> QuerySet[models.Article]:
        """Leave out rows that the user may not see."""
        return rules.visible_articles(viewer(info), queryset)

    @strawberry_django.field(only=["slug"], description="The address of its page.")  # type: ignore[untyped-decorator] # as all of its decorators
    def page(self, root: strawberry.Parent[models.Article]) -> str:
        """Return the path of the article's page."""
        return root.get_absolute_url()

    @strawberry_django.field(only=["cover"], description="The address of its cover picture.")  # type: ignore[untyped-decorator] # as all of its decorators
    def cover(self, root: strawberry.Parent[models.Article]) -> str | None:
        """Return the picture's address if there is one."""
        return root.cover.url if root.cover else None

    @strawberry_django.field(only=["body"], description="Its text as the page shows it, safe to show elsewhere.")  # type: ignore[untyped-decorator] # as all of its decorators
    def html(self, root: strawberry.Parent[models.Article]) -> str:
        """Return the rendered text."""
        return content.html(root)
