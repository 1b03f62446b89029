"""The public pages of articles."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from news.models import Article

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    MakeArticle = Callable[..., Article]


def test_it_lists_published_articles_newest_first(client: Client, make_article: MakeArticle) -> None:
    now = timezone.now()
    make_article("Older", published_at=now - timedelta(days=2))
    make_article("Newer", published_at=now - timedelta(days=1))
    page = client.get("/").content.decode()
    assert page.index("Newer") < page.index("Older")
    assert "Summary of Newer" in page


def test_it_shows_an_article_with_its_paragraphs(client: Client, make_article: MakeArticle) -> None:
    article = make_article("On knots", body="One\nline.\r\n\r\nAnother.\n\n\n")
    page = client.get(article.get_absolute_url()).content.decode()
    assert "<h1>On knots</h1>" in page
    assert "<p>One\nline.</p>" in page
    assert "<p>Another.</p>" in page


def test_it_escapes_what_authors_write(client: Client, make_article: MakeArticle) -> None:
    article = make_article("Tags", body="<script>alert(1)</script>", summary='"><b>bold')
    page = client.get(article.get_absolute_url()).content.decode()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>bold" not in page


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"status": Article.Status.DRAFT}, id="draft"),
        pytest.param({"published_at": timezone.now() + timedelta(days=1)}, id="future"),
    ],
)
def test_it_hides_what_is_not_published_yet(
    client: Client, make_article: MakeArticle, fields: dict[str, object]
) -> None:
    article = make_article("Secret plans", **fields)
    assert "Secret plans" not in client.get("/").content.decode()
    assert client.get(article.get_absolute_url()).status_code == 404


def test_it_shows_a_scheduled_article_once_its_date_has_come(client: Client, make_article: MakeArticle) -> None:
    article = make_article("Soon", published_at=timezone.now() + timedelta(hours=1))
    assert "Soon" not in client.get("/").content.decode()
    Article.objects.filter(pk=article.pk).update(published_at=timezone.now() - timedelta(seconds=1))
    assert "Soon" in client.get("/").content.decode()


def test_it_shows_an_edit_at_once_although_the_list_is_cached(client: Client, make_article: MakeArticle) -> None:
    article = make_article("First title")
    assert "First title" in client.get("/").content.decode()
    article.title = "Second title"
    article.save()
    assert "Second title" in client.get("/").content.decode()


def test_it_reads_the_articles_themselves_only_once(
    client: Client, make_article: MakeArticle, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_article()
    # The count, the last change, the newest date; then the categories, the articles, their tags and pictures.
    with django_assert_num_queries(7):
        client.get("/")
    with django_assert_num_queries(3):
        client.get("/")


def test_it_pages_long_lists(client: Client, make_article: MakeArticle) -> None:
    now = timezone.now()
    for number in range(1, 8):
        make_article(f"Article {number}", published_at=now - timedelta(days=number))
    first, second = client.get("/").content.decode(), client.get("/?page=2").content.decode()
    assert "Article 6<" in first
    assert "Article 7<" not in first
    assert 'href="?page=2"' in first
    assert "Article 7<" in second
    assert client.get("/?page=3").status_code == 404


def test_it_says_so_when_nothing_is_published(client: Client, db: None) -> None:  # noqa: ARG001
    assert "Nothing has been published yet." in client.get("/").content.decode()


def test_it_has_one_main_heading_on_every_page(client: Client, make_article: MakeArticle) -> None:
    addresses = ["/", "/?page=2", "/accounts/login/", "/accounts/register/", "/nothing"]
    addresses += [make_article(f"Article {number}").get_absolute_url() for number in range(7)][:1]
    for address in addresses:
        assert client.get(address).content.decode().count("<h1") == 1, address
