"""What the REST interface and GraphQL both ask of the news app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F
from django.utils.html import format_html_join
from news.models import SEARCH_CONFIG, Article, Comment

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import Model, QuerySet

    #: Permissions have seen to it that nobody else writes; types do not know that.
    type Writer = AbstractBaseUser | AnonymousUser

#: As much of a name as fits.
NAME_LENGTH = 80


def search[M: Model, Row](articles: QuerySet[M, Row], words: str) -> QuerySet[M, Row]:
    """Return the articles that match, the best first."""
    query = SearchQuery(words, config=SEARCH_CONFIG, search_type="websearch")
    # The column itself: by its name alone Django would make a new vector of its text, without the weights.
    found: QuerySet[Any, Row] = articles.filter(search=query).annotate(rank=SearchRank(F("search"), query))
    return found.order_by("-rank", "-published_at", "-pk")


def html(article: Article) -> str:
    """Return an article's text as HTML that is safe to show."""
    return format_html_join("\n", "<p>{}</p>", ((paragraph,) for paragraph in article.paragraphs))


def commentable_articles() -> QuerySet[Article]:
    """Return the articles that readers may comment on."""
    return Article.objects.published()


def comment(article: Article, author: Writer, text: str) -> Comment:
    """Store a comment that waits for a moderator.

    Args:
        article: where it stands.
        author: who wrote it.
        text: what it says.

    Raises:
        ValidationError: it says nothing or too much.
    """
    # The field of a form, because a model holds nobody to the length of a text.
    field = Comment._meta.get_field("text").formfield()  # noqa: SLF001 - Django's documented way
    return Comment.objects.create(
        article=article, author_id=author.pk, name=display_name(author), text=field.clean(text) if field else text
    )


def display_name(user: Writer) -> str:
    """Return what readers see of a user."""
    return str(getattr(user, "get_full_name", str)() or user.get_username())[:NAME_LENGTH]
