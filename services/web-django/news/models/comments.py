"""Readers' comments, and their moderation."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from news.models.articles import Article


class CommentQuerySet(models.QuerySet["Comment"]):
    """Queries of comments."""

    def approved(self) -> CommentQuerySet:
        """Return the approved comments."""
        return self.filter(status=Comment.Status.APPROVED)

    def pending(self) -> CommentQuerySet:
        """Return the comments that wait for a moderator."""
        return self.filter(status=Comment.Status.PENDING)


class Comment(models.Model):
    """A comment on an article."""

    class Status(models.TextChoices):
        """The moderator's decision."""

        PENDING = "pending", _("Waiting")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")

    article = models.ForeignKey(Article, verbose_name=_("article"), on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("account"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="comments",
    )
    name = models.CharField(_("name"), max_length=80)
    text = models.TextField(_("comment"), max_length=4000)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.PENDING)
    created_at = models.DateTimeField(_("date"), auto_now_add=True)

    objects: ClassVar[models.Manager[Comment]] = CommentQuerySet.as_manager()

    class Meta:
        """The oldest first, in the order of the conversation."""

        ordering = ("created_at", "pk")
        indexes = (
            models.Index(fields=("article", "status", "created_at"), name="news_comment_shown"),
            models.Index(fields=("status", "created_at"), name="news_comment_queue"),
        )
        verbose_name = _("comment")
        verbose_name_plural = _("comments")

    def __str__(self) -> str:
        """Return the author and the beginning."""
        return f"{self.name}: {self.text[:40]}"
