"""Functions of the news app that the REST interface and GraphQL share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from news.models import Article, Comment
from news.search import matching as search

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import QuerySet

    #: Permissions ensure this, but types do not know it.
    type Writer = AbstractBaseUser | AnonymousUser

__all__ = ["comment", "commentable_articles", "display_name", "html", "search"]

#: The longest name.
NAME_LENGTH = 80


def html(article: Article) -> str:
    """Return an article's text as HTML that is safe to show."""
    return article.html


def commentable_articles() -> QuerySet[Article]:
    """Return the articles that readers may comment on."""
    return Article.objects.published()


def comment(article: Article, author: Writer, text: str) -> Comment:
    """Store a comment that waits for a moderator.

    Args:
        article: the article.
        author: the author.
        text: the text.

    Raises:
        ValidationError: the text is empty or too long.
    """
    # The field of a form, because a model does not validate the length of a text.
    field = Comment._meta.get_field("text").formfield()  # noqa: SLF001 - Django's documented way
    return Comment.objects.create(
        article=article, author_id=author.pk, name=display_name(author), text=field.clean(text) if field else text
    )


def display_name(user: Writer) -> str:
    """Return a user's name for readers."""
    return str(getattr(user, "get_full_name", str)() or user.get_username())[:NAME_LENGTH]
