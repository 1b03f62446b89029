"""Comments in the admin: the moderation queue, and the comments of an article."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin import ActionLocation
from django.db import transaction
from django.forms.models import BaseInlineFormSet, ModelForm
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from news.admin.history import log_status
from news.models import Article, Comment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest

#: An article may have thousands of comments; its page in the admin shows the latest, the list of comments has all.
LATEST = 20


class StatusFilter(admin.SimpleListFilter):
    """Filters by status; the default is the queue of comments that wait for a moderator."""

    title = _("status")
    parameter_name = "status"
    everything = "all"

    def lookups(self, _request: HttpRequest, _model_admin: admin.ModelAdmin[Comment]) -> list[tuple[str, Any]]:
        """Return the choices beside the queue."""
        decided = [choice for choice in Comment.Status.choices if choice[0] != Comment.Status.PENDING]
        return [*decided, (self.everything, _("All"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Name the default."""
        first, *others = super().choices(changelist)
        yield {**first, "display": Comment.Status.PENDING.label}
        yield from others

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Comment]) -> QuerySet[Comment]:
        """Return the comments of the chosen status."""
        chosen = self.value()
        if chosen == self.everything:
            return queryset
        return queryset.filter(status=chosen or Comment.Status.PENDING)


@admin.register(Comment)
class CommentAdmin(admin.ModelAdmin[Comment]):
    """The moderators' queue. A reader's text is never changed, only approved or rejected."""

    list_display = ("excerpt", "name", "article_title", "status", "created_at")
    list_filter = (StatusFilter, "created_at")
    list_select_related = ("article",)
    list_per_page = 50
    show_full_result_count = False  # with 100,000 comments it would be the slowest query of the page
    search_fields = ("text", "name", "article__title")
    search_help_text = _("Searches texts, names and articles' titles")
    date_hierarchy = "created_at"
    ordering = ("created_at",)
    actions = ("approve", "reject")
    fields = ("status", "text", "name", "author", "article_link", "created_at")
    readonly_fields = ("text", "name", "author", "article_link", "created_at")

    def has_add_permission(self, _request: HttpRequest, _article: Article | None = None) -> bool:
        """Comments come from readers."""
        return False

    @admin.display(description=_("comment"))
    def excerpt(self, comment: Comment) -> str:
        """Return as much of the text as a decision mostly needs."""
        return Truncator(comment.text).words(40)

    @admin.display(description=_("article"), ordering="article__title")
    def article_title(self, comment: Comment) -> str:
        """Return the comment's article."""
        return comment.article.title

    @admin.display(description=_("article"))
    def article_link(self, comment: Comment) -> str:
        """Lead to the page that the comment stands on, once readers see it."""
        if not comment.article.is_public:
            return comment.article.title
        return format_html('<a href="{}">{}</a>', comment.article.get_absolute_url(), comment.article.title)

    @admin.action(
        description=_("Approve this comment"),
        description_plural=_("Approve selected comments"),
        permissions=["change"],
        location=[ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM],
    )
    def approve(self, request: HttpRequest, comments: QuerySet[Comment]) -> None:
        """Let readers see the selected."""
        count = self._decide(request, comments, Comment.Status.APPROVED)
        self.message_user(
            request, ngettext("%d comment approved.", "%d comments approved.", count) % count, messages.SUCCESS
        )

    @admin.action(
        description=_("Reject this comment"),
        description_plural=_("Reject selected comments"),
        permissions=["change"],
        location=[ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM],
    )
    def reject(self, request: HttpRequest, comments: QuerySet[Comment]) -> None:
        """Keep the selected from readers."""
        count = self._decide(request, comments, Comment.Status.REJECTED)
        self.message_user(
            request, ngettext("%d comment rejected.", "%d comments rejected.", count) % count, messages.SUCCESS
        )

    @transaction.atomic
    def _decide(self, request: HttpRequest, comments: QuerySet[Comment], status: Comment.Status) -> int:
        """Give the comments a status, write it into their history, and return how many changed."""
        undecided = list(comments.exclude(status=status).select_related(None))
        log_status(request, undecided, status)
        return Comment.objects.filter(pk__in=[comment.pk for comment in undecided]).update(status=status)


class LatestComments(BaseInlineFormSet[Comment, Article, ModelForm[Comment]]):
    """The latest comments of an article; when the form comes back, the very ones that it was made for."""

    def get_queryset(self) -> QuerySet[Comment]:
        """Return them, fetched once."""
        if not hasattr(self, "_latest"):
            comments = super().get_queryset().order_by("-created_at", "-pk")
            if self.is_bound:
                keys = (self.data.get(f"{self.prefix}-{number}-id") for number in range(LATEST))
                self._latest = comments.filter(pk__in=[key for key in keys if key and key.isdecimal()])
            else:
                self._latest = comments[:LATEST]
        return self._latest


class CommentInline(admin.TabularInline[Comment, Article]):
    """Below an article: its latest comments, to be decided about in passing."""

    model = Comment
    formset = LatestComments
    verbose_name_plural = _("latest comments")
    fields = ("text", "name", "created_at", "status")
    readonly_fields = ("text", "name", "created_at")
    extra = 0
    can_delete = False
    show_change_link = True
    classes = ("collapse",)

    def has_add_permission(self, _request: HttpRequest, _article: Article | None = None) -> bool:
        """Comments come from readers."""
        return False
