"""Newsletters in the admin: writing, preview, sending; and subscribers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from news.models import NewsletterIssue, Subscriber
from news.signals import newsletter_requested

if TYPE_CHECKING:
    from django.db.models import QuerySet


@admin.register(NewsletterIssue)
class NewsletterIssueAdmin(admin.ModelAdmin[NewsletterIssue]):
    """An issue is written, then sent to all confirmed subscribers. A sent issue never changes."""

    list_display = ("subject", "created_at", "sent_at", "copies_sent")
    list_filter = (("sent_at", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("subject", "body")
    date_hierarchy = "created_at"
    fields = ("subject", "body", "created_at", "sent_at")
    readonly_fields = ("created_at", "sent_at")
    actions = ("send",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[NewsletterIssue]:
        """Count the copies in the same query."""
        return super().get_queryset(request).annotate(copy_count=Count("copies"))

    def get_urls(self) -> list[URLPattern]:
        """Add the URL of the confirmation page."""
        send = path("<int:pk>/send/", self.admin_site.admin_view(self.send_view), name="news_newsletterissue_send")
        return [send, *super().get_urls()]

    def has_change_permission(self, request: HttpRequest, issue: NewsletterIssue | None = None) -> bool:
        """Refuse to change a sent issue."""
        return super().has_change_permission(request, issue) and (issue is None or issue.sent_at is None)

    def has_delete_permission(self, request: HttpRequest, issue: NewsletterIssue | None = None) -> bool:
        """Refuse to delete a sent issue."""
        return super().has_delete_permission(request, issue) and (issue is None or issue.sent_at is None)

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may send newsletters."""
        return request.user.has_perm("news.send_newsletterissue")

    @admin.display(description=_("copies sent"), ordering="copy_count")
    def copies_sent(self, issue: NewsletterIssue) -> int:
        """Return the number of readers who have got it so far."""
        count: int = issue.copy_count  # type: ignore[attr-defined] # the annotation above
        return count

    @admin.action(description=_("Send selected newsletter …"), permissions=["send"])
    def send(self, request: HttpRequest, issues: QuerySet[NewsletterIssue]) -> HttpResponse | None:
        """Redirect to the confirmation page; one issue at a time, because sending cannot be undone."""
        if len(issues) != 1:
            self.message_user(request, _("Choose one newsletter at a time."), messages.WARNING)
            return None
        return HttpResponseRedirect(reverse("admin:news_newsletterissue_send", args=(issues[0].pk,)))

    def send_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the number of readers, and send the issue after a confirmation.

        Raises:
            PermissionDenied: the user may not send newsletters.
        """
        if not self.has_send_permission(request):
            raise PermissionDenied
        issue = get_object_or_404(NewsletterIssue, pk=pk)
        if request.method == "POST":
            return self._sent(request, issue)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Send a newsletter"),
            "opts": self.opts,
            "issue": issue,
            "readers": Subscriber.objects.active().count(),
        }
        return TemplateResponse(request, "admin/news/newsletterissue/send.html", context)

    def _sent(self, request: HttpRequest, issue: NewsletterIssue) -> HttpResponse:
        """Send the issue once: a second or simultaneous request gets a message."""
        try:
            claimed = self._hand_over(request, issue)
        except ConnectionError:
            self.message_user(
                request, _("Nobody takes mail just now: nothing was sent. Try again soon."), messages.ERROR
            )
            return HttpResponseRedirect(request.path)
        if claimed:
            self.message_user(request, _("“%s” is on its way.") % issue, messages.SUCCESS)
        else:
            self.message_user(request, _("“%s” was sent before.") % issue, messages.WARNING)
        return HttpResponseRedirect(reverse("admin:news_newsletterissue_changelist"))

    @transaction.atomic
    def _hand_over(self, request: HttpRequest, issue: NewsletterIssue) -> bool:
        """Return whether this call has sent the issue.

        Raises:
            ConnectionError: the task could not be sent; nothing has changed.
        """
        if not NewsletterIssue.objects.filter(pk=issue.pk, sent_at=None).update(sent_at=timezone.now()):
            return False
        self.log_change(request, issue, [{"changed": {"fields": [str(_("sent"))]}}])
        newsletter_requested.send(sender=NewsletterIssue, issue=issue)
        return True


@admin.register(Subscriber)
class SubscriberAdmin(admin.ModelAdmin[Subscriber]):
    """The subscribers. Nobody is added here: readers sign up, and confirm their address."""

    list_display = ("email", "language", "created_at", "confirmed_at", "unsubscribed_at")
    list_filter = (
        "language",
        ("confirmed_at", admin.EmptyFieldListFilter),
        ("unsubscribed_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("email",)
    show_full_result_count = False
    date_hierarchy = "created_at"
    readonly_fields = ("email", "language", "created_at", "confirmed_at", "unsubscribed_at")

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Refuse: only readers sign up."""
        return False
