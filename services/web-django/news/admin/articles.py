"""Articles in the admin: written, illustrated, looked at as readers will see them, published and withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import ActionLocation
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from news.admin.comments import CommentInline
from news.admin.forms import ArticleForm, PictureWidget
from news.admin.history import log_status
from news.models import Article, Comment, Rendition
from news.pictures import remove_file, thumbnail_url
from news.preview import preview
from news.uploads import PictureField

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.forms import ModelForm
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

#: What only those may touch who may publish.
PUBLICATION = ("status", "published_at")
#: Django's name for the right to see accounts, whichever model they are.
VIEW_USERS = settings.AUTH_USER_MODEL.lower().replace(".", ".view_")
BOTH = [ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM]


class RenditionInline(admin.TabularInline[Rendition, Article]):
    """The pictures that a worker made of the cover; nobody makes them by hand."""

    model = Rendition
    fields = ("format", "width", "picture")
    readonly_fields = fields
    classes = ("collapse",)

    def has_add_permission(self, _request: HttpRequest, _article: Article | None = None) -> bool:
        """A worker makes them."""
        return False

    def has_change_permission(self, _request: HttpRequest, _article: Article | None = None) -> bool:
        """A worker makes them."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _article: Article | None = None) -> bool:
        """They go with the cover."""
        return False

    @admin.display(description=_("file"))
    def picture(self, rendition: Rendition) -> str:
        """Lead to the file."""
        return format_html('<a href="{}">{}</a>', rendition.file.url, rendition.file.name)


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin[Article]):
    """Where articles are written, found again and published, one at a time or many at once."""

    form = ArticleForm
    formfield_overrides = {  # noqa: RUF012 - Django's own way
        models.ImageField: {"form_class": PictureField, "widget": PictureWidget},
    }
    list_display = ("thumbnail", "title", "status", "public", "published_at", "waiting", "category", "author_name")
    list_display_links = ("thumbnail", "title")
    list_filter = (
        "status",
        ("category", admin.RelatedOnlyFieldListFilter),
        ("tags", admin.RelatedOnlyFieldListFilter),
        "published_at",
        ("cover", admin.EmptyFieldListFilter),
        ("author", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("category",)
    search_fields = ("title", "summary", "body", "author_name", "tags__name")
    search_help_text = _("Searches titles, summaries, texts, authors and tags")
    date_hierarchy = "published_at"
    list_per_page = 50
    show_full_result_count = False
    prepopulated_fields = {"slug": ("title",)}  # noqa: RUF012 - Django's own way
    autocomplete_fields = ("category", "tags", "author")
    readonly_fields = ("modified_at",)
    actions = ("publish", "withdraw")
    inlines = (CommentInline, RenditionInline)
    save_on_top = True
    fieldsets = (
        (None, {"fields": ("title", "slug", "summary", "body")}),
        (_("Cover"), {"fields": ("cover", "cover_alt")}),
        (_("Topics"), {"fields": ("category", "tags")}),
        (_("Publication"), {"fields": ("author", "author_name", *PUBLICATION, "modified_at")}),
    )

    class Media:
        """How the newsroom looks beyond Django's own."""

        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("news/admin.css",)}

    # ---- what is shown ----

    def get_queryset(self, request: HttpRequest) -> QuerySet[Article]:
        """Fetch what the list shows in few queries, however long it is."""
        # A query inside the query counts for the rows of one page; a join would count for all articles first.
        pending = Comment.objects.pending().filter(article=OuterRef("pk")).order_by().values("article")
        waiting = Coalesce(Subquery(pending.values(count=Count("pk"))), 0)
        return super().get_queryset(request).prefetch_related("renditions").annotate(waiting_count=waiting)

    @admin.display(description=_("cover"))
    def thumbnail(self, article: Article) -> str:
        """Show the cover, small."""
        url = thumbnail_url(article)
        return format_html('<img class="thumbnail" src="{}" alt="" width="80" height="45">', url) if url else ""

    @admin.display(boolean=True, description=_("readers see it"))
    def public(self, article: Article) -> bool:
        """Tell drafts and articles that wait for their date from what readers see."""
        return article.is_public

    @admin.display(description=_("comments waiting"), ordering="waiting_count")
    def waiting(self, article: Article) -> int:
        """Return how many comments wait for a moderator."""
        count: int = article.waiting_count  # type: ignore[attr-defined] # the annotation above
        return count

    def view_on_site(self, article: Article) -> str | None:
        """Return the address of the page if there is one by now."""
        return article.get_absolute_url() if article.is_public else None

    # ---- who may do what ----

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Return whether the user decides what readers see."""
        return request.user.has_perm("news.publish_article")

    def get_readonly_fields(self, request: HttpRequest, article: Article | None = None) -> tuple[str, ...]:
        """Leave publication to those who may publish, and the choice of an account to those who may see accounts."""
        sees_users = request.user.has_perm(VIEW_USERS)
        return (
            *super().get_readonly_fields(request, article),
            *(() if self.has_publish_permission(request) else PUBLICATION),
            *(() if sees_users else ("author",)),
        )

    def has_delete_permission(self, request: HttpRequest, article: Article | None = None) -> bool:
        """Let nobody delete what readers see who could not have published it."""
        allowed = super().has_delete_permission(request, article)
        return allowed and (article is None or not article.is_public or self.has_publish_permission(request))

    # ---- writing ----

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the user's own name for a new article."""
        full_name = getattr(request.user, "get_full_name", str)()
        name = full_name or request.user.get_username()
        return {"author_name": name, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, article: Article, form: ModelForm[Article], change: bool) -> None:  # noqa: FBT001 - Django's own signature
        """Remember who wrote a new article; let nothing that was typed get lost because of a picture."""
        if not change and article.author is None and isinstance(request.user, AbstractBaseUser):
            article.author = request.user
        before = Article.objects.filter(pk=article.pk).values_list("cover", flat=True).first() or ""
        try:
            with transaction.atomic():
                super().save_model(request, article, form, change)
        except ConnectionError:  # nobody took the task of making its pictures
            remove_file(article.cover.storage, article.cover.name)
            article.cover = before
            if not change:
                article.pk, article._state.adding = None, True  # noqa: SLF001 - as before the attempt
            super().save_model(request, article, form, change)
            text = _("Pictures cannot be made just now: the article was saved without its new cover. Try again soon.")
            self.message_user(request, text, messages.WARNING)

    # ---- preview ----

    def get_urls(self) -> list[URLPattern]:
        """Add the preview."""
        view = self.admin_site.admin_view(self.preview_view)
        return [path("<int:pk>/preview/", view, name="news_article_preview"), *super().get_urls()]

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Show an article as readers will see it, whatever its status.

        Raises:
            PermissionDenied: the user may not see articles here.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        return preview(request, get_object_or_404(Article, pk=pk))

    def response_add(
        self, request: HttpRequest, article: Article, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to the preview if that was the button."""
        return self._to_preview(request, article) or super().response_add(request, article, post_url_continue)

    def response_change(self, request: HttpRequest, article: Article) -> HttpResponse:
        """Go on to the preview if that was the button."""
        return self._to_preview(request, article) or super().response_change(request, article)

    def _to_preview(self, request: HttpRequest, article: Article) -> HttpResponse | None:
        if "_preview" not in request.POST:
            return None
        return HttpResponseRedirect(reverse("admin:news_article_preview", args=(article.pk,)))

    # ---- many at once ----

    @admin.action(
        description=_("Publish this article"),
        description_plural=_("Publish selected articles"),
        permissions=["publish"],
        location=BOTH,
    )
    def publish(self, request: HttpRequest, articles: QuerySet[Article]) -> None:
        """Publish the drafts among the selected."""
        drafts = Article.objects.filter(pk__in=articles.values("pk"), status=Article.Status.DRAFT)
        with transaction.atomic():
            log_status(request, list(drafts), Article.Status.PUBLISHED)
            count = drafts.publish()
        text = ngettext("%d article published.", "%d articles published.", count) % count
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(
        description=_("Withdraw this article (back to draft)"),
        description_plural=_("Withdraw selected articles (back to draft)"),
        permissions=["publish"],
        location=BOTH,
    )
    def withdraw(self, request: HttpRequest, articles: QuerySet[Article]) -> None:
        """Hide the selected from readers."""
        published = Article.objects.filter(pk__in=articles.values("pk"), status=Article.Status.PUBLISHED)
        with transaction.atomic():
            log_status(request, list(published), Article.Status.DRAFT)
            count = published.withdraw()
        text = ngettext("%d article withdrawn.", "%d articles withdrawn.", count) % count
        self.message_user(request, text, messages.SUCCESS)
