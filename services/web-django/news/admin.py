"""Articles in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextareaWidget
from django.forms import ModelForm, Widget
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from news.models import Article

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class ArticleForm(ModelForm[Article]):
    """The article's form, with room for a summary of two sentences."""

    class Meta:
        """Which widget differs from the admin's own."""

        widgets: ClassVar[dict[str, Widget]] = {"summary": AdminTextareaWidget(attrs={"rows": 3})}


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin[Article]):
    """Where articles are written, found again and published, one at a time or many at once."""

    form = ArticleForm
    list_display = ("title", "author_name", "status", "published_at", "public")
    list_filter = ("status", "published_at", "author_name")
    search_fields = ("title", "summary", "body", "author_name")
    search_help_text = _("Searches titles, summaries, texts and authors")
    date_hierarchy = "published_at"
    list_per_page = 50
    prepopulated_fields = {"slug": ("title",)}  # noqa: RUF012 - Django's own way
    readonly_fields = ("modified_at",)
    actions = ("publish", "withdraw")
    save_on_top = True
    fieldsets = (
        (None, {"fields": ("title", "slug", "summary", "body")}),
        (_("Publication"), {"fields": ("author_name", "status", "published_at", "modified_at")}),
    )

    @admin.display(boolean=True, description=_("readers see it"))
    def public(self, article: Article) -> bool:
        """Tell drafts and articles that wait for their date from what readers see."""
        return article.is_public

    def view_on_site(self, article: Article) -> str | None:
        """Return the address of the page if there is one by now."""
        return article.get_absolute_url() if article.is_public else None

    @admin.action(description=_("Publish selected articles"), permissions=["change"])
    def publish(self, request: HttpRequest, articles: QuerySet[Article]) -> None:
        """Publish the drafts among the selected."""
        count = Article.objects.filter(pk__in=articles).publish()
        text = ngettext("%d article published.", "%d articles published.", count) % count
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(description=_("Withdraw selected articles (back to draft)"), permissions=["change"])
    def withdraw(self, request: HttpRequest, articles: QuerySet[Article]) -> None:
        """Hide the selected from readers."""
        count = Article.objects.filter(pk__in=articles).withdraw()
        text = ngettext("%d article withdrawn.", "%d articles withdrawn.", count) % count
        self.message_user(request, text, messages.SUCCESS)
