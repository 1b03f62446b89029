"""Reading by ``/rest/``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from news.models import Article, Category, Comment, Tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    MakeArticle = Callable[..., Article]
    MakeUser = Callable[..., User]

pytestmark = pytest.mark.django_db

ARTICLES = "/rest/articles/"
COMMENTS = "/rest/comments/"


def titles(client: Client, query: str = "") -> list[str]:
    response = client.get(f"{ARTICLES}?{query}")
    assert response.status_code == 200, response.content
    return [article["title"] for article in response.json()["results"]]


def texts(client: Client, query: str = "") -> list[str]:
    return [comment["text"] for comment in client.get(f"{COMMENTS}?{query}").json()["results"]]


def make_comment(article: Article, text: str, **fields: Any) -> Comment:  # noqa: ANN401
    values = {"name": "Eve", "status": Comment.Status.APPROVED}
    return Comment.objects.create(article=article, text=text, **(values | fields))


def test_it_names_all_that_there_is(client: Client) -> None:
    found = client.get("/rest/").json()
    assert list(found) == ["articles", "categories", "tags", "comments"]
    assert found["articles"] == "http://testserver/rest/articles/"


def test_it_lists_published_articles_without_their_texts(client: Client, make_article: MakeArticle) -> None:
    make_article("On knots", category=Category.objects.create(name="Ropes", slug="ropes"), author_name="Ada")
    make_article("A draft", status=Article.Status.DRAFT)
    make_article("Next week", published_at=timezone.now() + timedelta(days=7))
    found = client.get(ARTICLES).json()
    assert (found["count"], found["next"], found["previous"]) == (1, None, None)
    article = found["results"][0]
    assert article["title"] == "On knots"
    assert article["category"] == "ropes"
    assert article["author_name"] == "Ada"
    assert article["url"] == "http://testserver/rest/articles/on-knots/"
    assert article["page"] == "http://testserver/news/on-knots/"
    assert "body" not in article


def test_it_gives_an_article_its_text_as_markdown_and_as_html(client: Client, make_article: MakeArticle) -> None:
    make_article("On knots", body="A *bowline* holds.<script>alert(1)</script>")
    article = client.get(f"{ARTICLES}on-knots/").json()
    assert article["body"] == "A *bowline* holds.<script>alert(1)</script>"
    assert article["html"].startswith("<p>A ")
    assert "<script" not in article["html"]


def test_it_hides_drafts_from_strangers(client: Client, make_article: MakeArticle) -> None:
    make_article("A draft", status=Article.Status.DRAFT)
    assert client.get(f"{ARTICLES}a-draft/").status_code == 404


def test_it_shows_authors_their_drafts_and_editors_all(
    client: Client, make_article: MakeArticle, make_user: MakeUser, editor: User
) -> None:
    ada = make_user("ada")
    make_article("Of Ada", status=Article.Status.DRAFT, author=ada)
    make_article("Of Bob", status=Article.Status.DRAFT, author=make_user("bob"))
    client.force_login(ada)
    assert titles(client) == ["Of Ada"]
    client.force_login(editor)
    assert sorted(titles(client)) == ["Of Ada", "Of Bob"]
    assert titles(client, "status=published") == []


def test_it_filters_by_category_tag_and_date(client: Client, make_article: MakeArticle) -> None:
    now = timezone.now()
    ropes, boats = (Category.objects.create(name=name.title(), slug=name) for name in ("ropes", "boats"))
    old, dry = (Tag.objects.create(name=name, slug=name) for name in ("old", "dry"))
    make_article("Rope", category=ropes, published_at=now - timedelta(days=3)).tags.add(old, dry)
    make_article("Boat", category=boats, published_at=now - timedelta(days=1)).tags.add(old)
    assert titles(client, "category=ropes") == ["Rope"]
    assert titles(client, "tag=old") == ["Boat", "Rope"]
    assert titles(client, "tag=old&tag=dry") == ["Rope"]
    day = (now - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert titles(client, f"published_after={day}") == ["Boat"]
    assert titles(client, f"published_before={day}") == ["Rope"]


def test_it_says_which_filter_makes_no_sense(client: Client) -> None:
    response = client.get(f"{ARTICLES}?category=nothing&published_after=soon")
    assert response.status_code == 400
    assert sorted(response.json()) == ["category", "published_after"]


def test_it_orders_as_asked_and_newest_first_otherwise(client: Client, make_article: MakeArticle) -> None:
    now = timezone.now()
    for age, title in enumerate(["Bravo", "Alpha", "Charlie"], start=1):
        make_article(title, published_at=now - timedelta(days=age))
    assert titles(client) == ["Bravo", "Alpha", "Charlie"]
    assert titles(client, "ordering=title") == ["Alpha", "Bravo", "Charlie"]
    assert titles(client, "ordering=-title") == ["Charlie", "Bravo", "Alpha"]


def test_it_searches_whole_texts_best_match_first(client: Client, make_article: MakeArticle) -> None:
    make_article("Storms", body="Once upon a harbour.")
    make_article("Harbour", summary="The harbour", body="All about the harbour: a harbour is where boats rest.")
    make_article("Bread", body="Flour and water.")
    make_article("Harbour plans", status=Article.Status.DRAFT)
    assert titles(client, "search=harbour") == ["Harbour", "Storms"]
    assert titles(client, "search=harbour&ordering=-title") == ["Storms", "Harbour"]
    assert titles(client, "search=anchor") == []
    assert titles(client, "search=%20") != []


def test_it_cuts_lists_into_pages(client: Client, make_article: MakeArticle) -> None:
    now = timezone.now()
    for number in range(5):
        make_article(f"Article {number}", published_at=now - timedelta(days=number))
    first = client.get(f"{ARTICLES}?page_size=2").json()
    assert (first["count"], len(first["results"])) == (5, 2)
    second = client.get(first["next"]).json()
    assert [article["title"] for article in second["results"]] == ["Article 2", "Article 3"]
    assert client.get(f"{ARTICLES}?page=99").status_code == 404


def test_it_shows_strangers_approved_comments_below_published_articles(
    client: Client, make_article: MakeArticle
) -> None:
    article, draft = make_article("On knots"), make_article("A draft", status=Article.Status.DRAFT)
    make_comment(article, "Approved")
    make_comment(article, "Pending", status=Comment.Status.PENDING)
    make_comment(article, "Rejected", status=Comment.Status.REJECTED)
    make_comment(draft, "Below a draft")
    assert texts(client) == ["Approved"]
    found = client.get(COMMENTS).json()["results"][0]
    assert (found["article"], found["name"], found["status"]) == ("on-knots", "Eve", "approved")


def test_it_pages_through_comments_without_showing_one_twice_while_new_ones_arrive(
    client: Client, make_article: MakeArticle
) -> None:
    article = make_article("On knots")
    for number in range(5):
        make_comment(article, f"Comment {number}")
    first = client.get(f"{COMMENTS}?article=on-knots&page_size=2").json()
    make_comment(article, "Another")
    second = client.get(first["next"]).json()
    seen = [comment["text"] for page in (first, second) for comment in page["results"]]
    assert seen == ["Comment 4", "Comment 3", "Comment 2", "Comment 1"]
    assert texts(client, "ordering=created_at")[0] == "Comment 0"


def test_it_lists_categories_and_tags(client: Client) -> None:
    Category.objects.create(name="Ropes", slug="ropes", description="All that holds.")
    Tag.objects.create(name="Old", slug="old")
    categories = client.get("/rest/categories/").json()["results"]
    assert {"name": "Ropes", "slug": "ropes", "description": "All that holds."} in categories
    assert client.get("/rest/tags/old/").json() == {"name": "Old", "slug": "old"}
    assert client.get("/rest/tags/new/").status_code == 404


def test_it_lets_no_cache_keep_an_answer(client: Client, make_article: MakeArticle) -> None:
    make_article("On knots")
    for address in (ARTICLES, f"{ARTICLES}on-knots/", COMMENTS, "/rest/categories/"):
        assert "no-store" in client.get(address)["Cache-Control"], address


@pytest.mark.parametrize("count", [2, 12])
def test_it_asks_the_database_as_often_for_many_rows_as_for_few(
    client: Client, make_article: MakeArticle, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    for number in range(count):
        category = Category.objects.create(name=f"Category {number}", slug=f"category-{number}")
        article = make_article(f"Article {number}", category=category)
        article.tags.add(Tag.objects.create(name=f"Tag {number}", slug=f"tag-{number}"))
        make_comment(article, f"Comment {number}")
    with django_assert_num_queries(3):  # the count, the articles with their categories, their tags
        assert len(titles(client)) == count
    with django_assert_num_queries(2):  # the article with its category, its tags
        client.get(f"{ARTICLES}article-1/")
    with django_assert_num_queries(1):  # the comments with their articles
        assert len(texts(client)) == count
    with django_assert_num_queries(2):  # the count, the categories
        client.get("/rest/categories/")
