"""Articles in the admin: writing, covers, preview, publication and withdrawal."""

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

#: Fields that only users with the right to publish may change.
PUBLICATION = ("status", "published_at")
#: Django's name of the right to view accounts, for any user model.
VIEW_USERS = settings.AUTH_USER_MODEL.lower().replace(".", ".view_")
BOTH = [ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM]


class RenditionInline(admin.TabularInline[Rendition, Article]):
    """The renditions of the cover, which only a worker makes."""

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
        """Refuse: they are deleted with the cover."""
        return False

    @admin.display(description=_("file"))
    def picture(self, rendition: Rendition) -> str:
        """Link to the file."""
        return format_html('<a href="{}">{}</a>', rendition.file.url, rendition.file.name)


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin[Article]):
    """Writing, search and publication of articles, one at a time or many at once."""

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
        """The newsroom's own styles."""

        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("news/admin.css",)}

    # ---- the list ----

    def get_queryset(self, request: HttpRequest) -> QuerySet[Article]:
        """Fetch the list's data in a fixed number of queries."""
        # A subquery counts for the rows of one page; a join would count for all articles first.
        pending = Comment.objects.pending().filter(article=OuterRef("pk")).order_by().values("article")
        waiting = Coalesce(Subquery(pending.values(count=Count("pk"))), 0)
        return super().get_queryset(request).prefetch_related("renditions").annotate(waiting_count=waiting)

    @admin.display(description=_("cover"))
    def thumbnail(self, article: Article) -> str:
        """Show the cover as a thumbnail."""
        url = thumbnail_url(article)
        return format_html('<img class="thumbnail" src="{}" alt="" width="80" height="45">', url) if url else ""

    @admin.display(boolean=True, description=_("readers see it"))
    def public(self, article: Article) -> bool:
        """Return whether readers see the article: it is no draft, and its date is not in the future."""
        return article.is_public

    @admin.display(description=_("comments waiting"), ordering="waiting_count")
    def waiting(self, article: Article) -> int:
        """Return the number of comments that wait for a moderator."""
        count: int = article.waiting_count  # type: ignore[attr-defined] # the annotation above
        return count

    def view_on_site(self, article: Article) -> str | None:
        """Return the address of the page, once it exists."""
        return article.get_absolute_url() if article.is_public else None

    # ---- permissions ----

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may publish."""
        return request.user.has_perm("news.publish_article")

    def get_readonly_fields(self, request: HttpRequest, article: Article | None = None) -> tuple[str, ...]:
        """Make publication read-only without its right, and the choice of an account without the right to view them."""
        sees_users = request.user.has_perm(VIEW_USERS)
        return (
            *super().get_readonly_fields(request, article),
            *(() if self.has_publish_permission(request) else PUBLICATION),
            *(() if sees_users else ("author",)),
        )

    def has_delete_permission(self, request: HttpRequest, article: Article | None = None) -> bool:
        """Allow the deletion of published articles only to users who may publish."""
        allowed = super().has_delete_permission(request, article)
        return allowed and (article is None or not article.is_public or self.has_publish_permission(request))

    # ---- writing ----

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Prefill a new article with the user's own name."""
        full_name = getattr(request.user, "get_full_name", str)()
        name = full_name or request.user.get_username()
        return {"author_name": name, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, article: Article, form: ModelForm[Article], change: bool) -> None:  # noqa: FBT001 - Django's own signature
        """Store the author of a new article; keep the text if the picture cannot be processed."""
        if not change and article.author is None and isinstance(request.user, AbstractBaseUser):
            article.author = request.user
        before = Article.objects.filter(pk=article.pk).values_list("cover", flat=True).first() or ""
        try:
            with transaction.atomic():
                super().save_model(request, article, form, change)
        except ConnectionError:  # the task for its renditions could not be sent
            remove_file(article.cover.storage, article.cover.name)
            article.cover = before
            if not change:
                article.pk, article._state.adding = None, True  # noqa: SLF001 - restores the state before the attempt
            super().save_model(request, article, form, change)
            text = _("Pictures cannot be made just now: the article was saved without its new cover. Try again soon.")
            self.message_user(request, text, messages.WARNING)

    # ---- preview ----

    def get_urls(self) -> list[URLPattern]:
        """Add the preview's URL."""
        view = self.admin_site.admin_view(self.preview_view)
        return [path("<int:pk>/preview/", view, name="news_article_preview"), *super().get_urls()]

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Show an article as readers will see it, whatever its status.

        Raises:
            PermissionDenied: the user may not view articles here.
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
        """Withdraw the selected articles."""
        published = Article.objects.filter(pk__in=articles.values("pk"), status=Article.Status.PUBLISHED)
        with transaction.atomic():
            log_status(request, list(published), Article.Status.DRAFT)
            count = published.withdraw()
        text = ngettext("%d article withdrawn.", "%d articles withdrawn.", count) % count
        self.message_user(request, text, messages.SUCCESS)
