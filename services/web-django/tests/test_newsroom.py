"""The articles in the admin, and the first ones."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from news import seeding
from news.models import Article

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from django.test import Client

LIST = "/admin/news/article/"

#: What a browser sends for the comments and renditions below an article that has none.
INLINES = {f"{prefix}-{name}_FORMS": "0" for prefix in ("comments", "renditions") for name in ("TOTAL", "INITIAL")}


@pytest.fixture
def editor(client: Client, make_user: Callable[..., User]) -> Client:
    client.force_login(make_user("editor", is_staff=True, is_superuser=True))
    return client


def run_action(editor: Client, action: str, *articles: Article) -> str:
    selected = [str(article.pk) for article in articles]
    response = editor.post(LIST, {"action": action, "_selected_action": selected}, follow=True)
    return response.content.decode()


def test_it_publishes_many_drafts_at_once(editor: Client, make_article: Callable[..., Article]) -> None:
    last_month, tomorrow = timezone.now() - timedelta(days=30), timezone.now() + timedelta(days=1)
    draft = make_article("Draft", status=Article.Status.DRAFT, published_at=last_month)
    scheduled = make_article("Scheduled", status=Article.Status.DRAFT, published_at=tomorrow)
    published = make_article("Published", published_at=last_month)

    assert "2 articles published." in run_action(editor, "publish", draft, scheduled, published)

    for article in (draft, scheduled, published):
        article.refresh_from_db()
        assert article.status == Article.Status.PUBLISHED
    assert draft.is_public
    assert draft.published_at > last_month
    assert scheduled.published_at == tomorrow
    assert not scheduled.is_public
    assert published.published_at == last_month


def test_it_withdraws_many_at_once(editor: Client, make_article: Callable[..., Article]) -> None:
    article = make_article()
    assert "1 article withdrawn." in run_action(editor, "withdraw", article)
    assert editor.get(article.get_absolute_url()).status_code == 404


def test_it_finds_articles_by_their_text(editor: Client, make_article: Callable[..., Article]) -> None:
    make_article("Knots", body="About the bowline.")
    make_article("Tides", body="About the moon.")
    page = editor.get(LIST, {"q": "bowline"}).content.decode()
    assert "Knots" in page
    assert "Tides" not in page


def test_it_saves_what_an_editor_writes(editor: Client) -> None:
    editor.post(
        f"{LIST}add/",
        {
            "title": "Fresh",
            "slug": "fresh",
            "summary": "A summary.",
            "body": "Text.",
            "author_name": "Ada",
            "status": "published",
            "published_at_0": "2026-01-02",
            "published_at_1": "03:04:05",
            **INLINES,
        },
    )
    assert "Fresh" in editor.get("/").content.decode()


def test_it_links_to_the_site_only_what_readers_see(editor: Client, make_article: Callable[..., Article]) -> None:
    public, draft = make_article("Public"), make_article("Draft", status=Article.Status.DRAFT)
    assert 'href="/news/public/"' in editor.get(f"{LIST}{public.pk}/change/").content.decode()
    assert 'href="/news/draft/"' not in editor.get(f"{LIST}{draft.pk}/change/").content.decode()


@pytest.mark.django_db
def test_it_seeds_articles_worth_reading_once() -> None:
    assert seeding.seed() >= 5
    for article in Article.objects.all():
        assert article.is_public
        article.full_clean()
        assert 250 <= len(article.body.split()) <= 450
    Article.objects.exclude(pk=Article.objects.values("pk")[:1]).delete()
    assert seeding.seed() == 0
    assert Article.objects.count() == 1
