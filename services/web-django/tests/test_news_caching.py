"""HTTP caching: public pages, and personal pages that must not be cached."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from django.utils.http import http_date
from news.models import Article, Category, Comment

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from django.test import Client

    MakeArticle = Callable[..., Article]


@pytest.mark.parametrize("address", ["/", "/news/on-knots/", "/feed/", "/search/?q=knots", "/sitemap.xml"])
def test_it_lets_nginx_keep_public_pages_for_a_second_and_browsers_if_they_ask(
    client: Client, make_article: MakeArticle, address: str
) -> None:
    make_article()

    response = client.get(address)

    assert response["Cache-Control"] == "public, max-age=0, s-maxage=1"
    assert "Cookie" in response["Vary"]
    assert not response.cookies
    assert client.get(address, headers={"If-None-Match": response["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    ("address", "varies"),
    [
        ("/", 'params, except=("page")'),
        ("/search/?q=knots", 'params, except=("q" "page")'),
        ("/news/on-knots/", "params"),
        ("/feed/", "params"),
        ("/sitemap.xml", 'params, except=("p")'),
    ],
)
def test_it_names_the_parameters_by_which_a_page_varies(
    client: Client, make_article: MakeArticle, address: str, varies: str
) -> None:
    make_article()

    assert client.get(address)["No-Vary-Search"] == varies


@pytest.mark.parametrize("address", ["/", "/news/on-knots/", "/feed/"])
def test_it_says_when_a_page_last_changed(client: Client, make_article: MakeArticle, address: str) -> None:
    article = make_article()
    changed = http_date(article.modified_at.timestamp())

    response = client.get(address)

    assert response["Last-Modified"] == changed


def test_it_trusts_no_date_alone(client: Client, make_article: MakeArticle) -> None:
    category = Category.objects.create(name="Harbour", slug="harbour")
    make_article(category=category)
    before = client.get("/")
    category.name = "Quay"
    category.save()

    after = client.get("/", headers={"If-Modified-Since": before["Last-Modified"]})

    assert (after.status_code, "Quay" in after.content.decode()) == (200, True)


def test_it_counts_a_new_comment_as_a_change(client: Client, make_article: MakeArticle) -> None:
    article = make_article()
    before = client.get(article.get_absolute_url())
    Comment.objects.create(article=article, name="Ada", text="Well said.", status=Comment.Status.APPROVED)

    after = client.get(article.get_absolute_url(), headers={"If-None-Match": before["ETag"]})

    assert after.status_code == 200
    assert "Well said." in after.content.decode()


def test_it_counts_an_article_whose_date_has_come_as_a_change(client: Client, make_article: MakeArticle) -> None:
    written, due = timezone.now() - timedelta(days=3), timezone.now() - timedelta(hours=1)
    make_article("Old", published_at=written)
    make_article("New", published_at=due)
    # Both were last edited before the second one's date had come.
    Article.objects.update(modified_at=written)

    response = client.get("/", headers={"If-Modified-Since": http_date((due - timedelta(minutes=1)).timestamp())})

    assert response.status_code == 200
    assert response["Last-Modified"] == http_date(due.timestamp())


@pytest.mark.parametrize("address", ["/", "/news/on-knots/", "/search/?q=knots", "/accounts/profile/"])
def test_it_lets_nobody_keep_what_was_made_for_somebody(
    client: Client, make_article: MakeArticle, make_user: Callable[..., User], address: str
) -> None:
    make_article()
    client.force_login(make_user("ada"))

    response = client.get(address)

    assert "no-store" in response["Cache-Control"]
    assert "public" not in response["Cache-Control"]
    assert "ETag" not in response


@pytest.mark.parametrize("address", ["/accounts/login/", "/newsletter/", "/news/on-knots/comment/", "/nothing"])
def test_it_lets_nobody_keep_forms_and_errors(client: Client, make_article: MakeArticle, address: str) -> None:
    make_article()

    assert "no-store" in client.get(address)["Cache-Control"]


def test_it_lets_nobody_keep_a_page_with_a_message(client: Client, make_article: MakeArticle) -> None:
    article = make_article()
    client.post(f"{article.get_absolute_url()}comment/", {"name": "Ada", "text": "Yes."})

    response = client.get(article.get_absolute_url())

    assert "moderator" in response.content.decode()
    assert "no-store" in response["Cache-Control"]
