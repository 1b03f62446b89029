"""The GraphQL schema: queries and mutations."""

# No `from __future__ import annotations`: strawberry reads the annotations of these classes where they stand.

import logging
from functools import cache
from typing import TYPE_CHECKING

import strawberry
import strawberry_django
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from graphql import GraphQLError
from news import models
from strawberry import Info
from strawberry.extensions import (
    AddValidationRules,
    DisableIntrospection,
    MaskErrors,
    MaxTokensLimiter,
    SchemaExtension,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry_django.optimizer import DjangoOptimizerExtension
from strawberry_django.pagination import OffsetPaginated

from mysite import content
from mysite.errors import RETRY_AFTER, is_outage, log_outage, outage_message
from mysite.graphql.limits import MAX_TOKENS, Limits, SomethingSelected, StorableTexts
from mysite.graphql.types import ArticleType, CategoryType, CommentType, TagType, viewer

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class RefusedError(GraphQLError):
    """An error of the caller, with a message for the caller."""


@strawberry.type
class Query:
    """The queries."""

    categories: list[CategoryType] = strawberry_django.field(pagination=True)
    tags: list[TagType] = strawberry_django.field(pagination=True)

    @strawberry_django.offset_paginated(OffsetPaginated[ArticleType])  # type: ignore[untyped-decorator]
    def articles(
        self, category: str | None = None, tag: str | None = None, search: str | None = None
    ) -> QuerySet[models.Article]:
        """Articles, the newest first, or the best matches of a search first."""
        articles = models.Article.objects.all()
        if category:
            articles = articles.filter(category__slug=category)
        if tag:
            articles = articles.filter(tags__slug=tag)
        return content.search(articles, search) if search and search.strip() else articles

    @strawberry_django.field
    def article(self, slug: str) -> ArticleType | None:
        """One article, by the last part of its page's address."""
        # As a query, so that the optimizer can add the selected fields below the article.
        return models.Article.objects.filter(slug=slug)  # type: ignore[return-value]

    @strawberry_django.offset_paginated(OffsetPaginated[CommentType])  # type: ignore[untyped-decorator]
    def comments(self, article: str | None = None) -> QuerySet[models.Comment]:
        """Comments, the newest first."""
        comments = models.Comment.objects.order_by("-created_at", "-pk")
        return comments.filter(article__slug=article) if article else comments


@strawberry.type
class Mutation:
    """The mutations."""

    @strawberry.mutation
    def add_comment(self, info: Info, article: str, text: str) -> CommentType:
        """Comment on an article. A moderator has to approve it before others see it."""
        user = viewer(info)
        if not user.is_authenticated:
            raise RefusedError(_("Log in to comment."))
        found = content.commentable_articles().filter(slug=article).first()
        if found is None:
            raise RefusedError(_("There is no such article."))
        try:
            return content.comment(found, user, text)  # type: ignore[return-value] # as above
        except ValidationError as error:
            raise RefusedError(" ".join(error.messages)) from None


class Schema(strawberry.Schema):
    """Strawberry's schema, which logs only crashes, and reports an outage of the database."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log our own errors, but not callers' errors."""
        for error in errors:
            cause = error.original_error
            if is_outage(cause) and execution_context is not None:
                log_outage(cause)
                execution_context.context.response.status_code = 503
                execution_context.context.response["Retry-After"] = str(RETRY_AFTER)
            elif is_internal(error):
                logger.error("GraphQL crashed at %s", error.path, exc_info=cause)


def is_internal(error: GraphQLError) -> bool:
    """Return whether an error is ours: its message is for the log and not for the caller."""
    # GraphQL's own errors, such as for a variable without its value, concern the caller's request.
    return error.original_error is not None and not isinstance(error.original_error, GraphQLError)


class Mask(MaskErrors):
    """Strawberry's own extension, which masks all errors; outages are reported to callers, as elsewhere."""

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        """Return the error that the caller gets instead of ``error``."""
        masked = super().anonymise_error(error)
        if is_outage(error.original_error):
            masked.message = outage_message(error.original_error)
        return masked


@cache
def schema(*, local: bool) -> Schema:
    """Return the schema.

    Args:
        local: whether this is a laptop, where introspection is allowed.
    """
    extensions: list[Callable[[], SchemaExtension]] = [
        lambda: Mask(is_internal, "Something broke on our side."),
        lambda: MaxTokensLimiter(MAX_TOKENS),
        lambda: AddValidationRules([SomethingSelected, StorableTexts]),
        Limits,
        DjangoOptimizerExtension,
    ]
    if not local:
        extensions.append(DisableIntrospection)
    config = StrawberryConfig(disable_field_suggestions=not local)
    return Schema(Query, Mutation, extensions=extensions, config=config)
