"""Permissions: :mod:`mysite.rules` for Django REST framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission

from mysite import rules

if TYPE_CHECKING:
    from news.models import Article, Comment
    from rest_framework.request import Request
    from rest_framework.views import APIView


class ArticlePermission(BasePermission):
    """Everyone reads, writers add, authors and editors change."""

    def has_permission(self, request: Request, _view: APIView) -> bool:
        """Tell whether the request may be made at all."""
        if request.method in SAFE_METHODS:
            return True
        if request.method == "POST":
            return rules.allowed(request.user, rules.WRITE_ARTICLES)
        return bool(request.user.is_authenticated)

    def has_object_permission(self, request: Request, _view: APIView, article: Article) -> bool:
        """Tell whether the request may be made of this article."""
        if request.method in SAFE_METHODS:
            return True
        if request.method == "DELETE":
            return rules.may_delete_article(request.user, article)
        return rules.may_change_article(request.user, article)


class CommentPermission(BasePermission):
    """Everyone reads, users comment, authors change comments that wait for a moderator."""

    def has_permission(self, request: Request, _view: APIView) -> bool:
        """Tell whether the request may be made at all."""
        return request.method in SAFE_METHODS or bool(request.user.is_authenticated)

    def has_object_permission(self, request: Request, _view: APIView, comment: Comment) -> bool:
        """Tell whether the request may be made of this comment."""
        return request.method in SAFE_METHODS or rules.may_change_comment(request.user, comment)


class ModeratorPermission(BasePermission):
    """Only moderators."""

    def has_permission(self, request: Request, _view: APIView) -> bool:
        """Return whether the user is a moderator."""
        return rules.allowed(request.user, rules.MODERATE_COMMENTS)
