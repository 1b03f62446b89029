"""The access rules of the news, for the REST interface and GraphQL.

Editors and moderators are the users with the news app's own permissions, which the admin grants. All other users are
readers, and own the texts that they wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone
from news.models import Article, Comment

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import QuerySet

    type Viewer = AbstractBaseUser | AnonymousUser

WRITE_ARTICLES = "news.add_article"
EDIT_ARTICLES = "news.change_article"
DELETE_ARTICLES = "news.delete_article"
PUBLISH_ARTICLES = "news.publish_article"
MODERATE_COMMENTS = "news.change_comment"


def allowed(viewer: Viewer, permission: str) -> bool:
    """Return whether a user has a permission of the admin's; anonymous users have none."""
    return bool(viewer.is_active and getattr(viewer, "has_perm")(permission))  # noqa: B009 - not every user model has it


def visible_articles(viewer: Viewer, articles: QuerySet[Article]) -> QuerySet[Article]:
    """Return the articles that a user may read: published ones, their own, and all of them for editors."""
    if not viewer.is_authenticated:
        return articles.filter(_published())
    if allowed(viewer, EDIT_ARTICLES):
        return articles
    return articles.filter(_published() | Q(author=viewer.pk))


def visible_comments(viewer: Viewer, comments: QuerySet[Comment]) -> QuerySet[Comment]:
    """Return the comments that a user may read: approved ones of published articles, their own, all for moderators."""
    approved = Q(status=Comment.Status.APPROVED) & _published("article__")
    if not viewer.is_authenticated:
        return comments.filter(approved)
    if allowed(viewer, MODERATE_COMMENTS):
        return comments
    return comments.filter(approved | Q(author=viewer.pk))


def may_change_article(viewer: Viewer, article: Article) -> bool:
    """Return whether a user may change an article: its author and editors may."""
    return allowed(viewer, EDIT_ARTICLES) or (viewer.is_authenticated and article.author_id == viewer.pk)


def may_delete_article(viewer: Viewer, article: Article) -> bool:
    """Return whether a user may delete an article: a published one only if the user may publish."""
    if article.is_public and not allowed(viewer, PUBLISH_ARTICLES):
        return False
    own_draft = article.author_id == viewer.pk and article.status == Article.Status.DRAFT
    return allowed(viewer, DELETE_ARTICLES) or (viewer.is_authenticated and own_draft)


def may_change_comment(viewer: Viewer, comment: Comment) -> bool:
    """Return whether a user may change or delete a comment: its author until it is moderated, and moderators."""
    own_pending = comment.author_id == viewer.pk and comment.status == Comment.Status.PENDING
    return allowed(viewer, MODERATE_COMMENTS) or (viewer.is_authenticated and own_pending)


def _published(prefix: str = "") -> Q:
    return Q(**{f"{prefix}status": Article.Status.PUBLISHED, f"{prefix}published_at__lte": timezone.now()})
