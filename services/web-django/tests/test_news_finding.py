"""Finding articles: topics, search, feed, sitemap."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from django.utils import timezone
from news.models import Article, Category, Tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    MakeArticle = Callable[..., Article]

ATOM = "{http://www.w3.org/2005/Atom}"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.fixture
def ropes(db: None) -> Category:  # noqa: ARG001 - opens the database
    return Category.objects.create(name="Ropes", slug="ropes", description="All that holds.")


def found(client: Client, words: str) -> str:
    response = client.get("/search/", {"q": words})
    assert response.status_code == 200
    return response.content.decode()


def test_it_lists_the_articles_of_a_category_and_no_others(
    client: Client, make_article: MakeArticle, ropes: Category
) -> None:
    make_article("Bowline", category=ropes)
    make_article("Paint")
    make_article("Secret splice", category=ropes, status=Article.Status.DRAFT)

    page = client.get(ropes.get_absolute_url()).content.decode()

    assert "Bowline" in page
    assert "All that holds." in page
    assert "Paint" not in page
    assert "Secret splice" not in page


def test_it_offers_only_categories_that_have_something_to_read(
    client: Client, make_article: MakeArticle, ropes: Category
) -> None:
    Category.objects.create(name="Engines", slug="engines")
    make_article("Bowline", category=ropes)

    page = client.get("/").content.decode()

    assert 'href="/news/category/ropes/"' in page
    assert "Engines" not in page


def test_it_lists_the_articles_with_a_tag(client: Client, make_article: MakeArticle) -> None:
    tag = Tag.objects.create(name="night watch", slug="night-watch")
    make_article("At three in the morning").tags.add(tag)
    make_article("At noon")

    page = client.get(tag.get_absolute_url()).content.decode()

    assert "At three in the morning" in page
    assert "At noon" not in page


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/news/category/none/", "/news/tag/none/"])
def test_it_knows_no_topic_that_nobody_made(client: Client, address: str) -> None:
    assert client.get(address).status_code == 404


def test_it_finds_word_forms_in_both_languages(client: Client, make_article: MakeArticle) -> None:
    make_article("Mooring boats", body="Ropes are spliced.")
    make_article("О канатах", slug="o-kanatah", body="Корабли стоят у причала.")

    assert "Mooring boats" in found(client, "splicing boat")
    assert "О канатах" in found(client, "корабль")
    assert "Mooring boats" not in found(client, "корабль")


def test_it_puts_a_word_in_the_title_before_one_in_the_text(client: Client, make_article: MakeArticle) -> None:
    make_article("Weather", body="An anchor holds.", published_at=timezone.now() - timedelta(hours=1))
    make_article("The anchor", body="Iron.", published_at=timezone.now() - timedelta(days=9))

    page = found(client, "anchor")

    assert page.index("The anchor") < page.index("Weather")


def test_it_marks_what_it_found_and_escapes_the_rest(client: Client, make_article: MakeArticle) -> None:
    make_article("On knots", body="<b>A knot</b> & a bend.")

    page = found(client, "knot")

    assert "<mark>knot</mark>" in page
    assert "<b>A" not in page
    assert "&amp; a bend" in page


def test_it_understands_phrases_and_exclusions(client: Client, make_article: MakeArticle) -> None:
    make_article("First", body="the harbour wall stands")
    make_article("Second", body="the wall of the harbour leans")

    assert "Second" not in found(client, '"harbour wall"')
    assert "First" not in found(client, "harbour -stands")


def test_it_finds_nothing_that_is_not_published(client: Client, make_article: MakeArticle) -> None:
    make_article("Sealed orders", status=Article.Status.DRAFT)

    assert "Sealed orders" not in found(client, "sealed")


@pytest.mark.django_db
@pytest.mark.parametrize("words", ["'", '"', "a & | !", "<script>", "&" * 500, "   ", ""])
def test_it_takes_whatever_people_type(client: Client, words: str) -> None:
    assert "<script>" not in found(client, words)


def test_it_gives_the_whole_articles_to_feed_readers(client: Client, make_article: MakeArticle) -> None:
    article = make_article("On *knots*", body="Some **strong** words.", slug="on-knots")
    make_article("Draft", status=Article.Status.DRAFT)

    response = client.get("/feed/")

    assert response["Content-Type"].startswith("application/atom+xml")
    entries = ET.fromstring(response.content).findall(f"{ATOM}entry")  # noqa: S314 - our own
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == ["On *knots*"]
    assert "<strong>strong</strong>" in (entries[0].findtext(f"{ATOM}summary") or "")
    link = entries[0].find(f"{ATOM}link")
    assert link is not None
    assert link.get("href", "").endswith(article.get_absolute_url())


def test_it_maps_what_readers_see(client: Client, make_article: MakeArticle, ropes: Category) -> None:
    article = make_article("Bowline", category=ropes)
    hidden = make_article("Later", published_at=timezone.now() + timedelta(days=1))

    places = [place.text or "" for place in ET.fromstring(client.get("/sitemap.xml").content).iter(f"{MAP}loc")]  # noqa: S314

    assert any(place.endswith(article.get_absolute_url()) for place in places)
    assert any(place.endswith(ropes.get_absolute_url()) for place in places)
    assert not any(place.endswith(hidden.get_absolute_url()) for place in places)


@pytest.mark.django_db
def test_it_tells_robots_where_the_map_is_and_what_is_none_of_their_business(client: Client) -> None:
    text = client.get("/robots.txt").content.decode()

    assert "Disallow: /admin/" in text
    assert "Sitemap: http://testserver/sitemap.xml" in text


def test_it_shows_excerpts_without_the_author_s_signs(client: Client, make_article: MakeArticle) -> None:
    body = "## Rigging\n\n- A *tight* `hitch` holds, see [the manual](/media/manual.pdf).\n\n> 2 * 3 ropes"
    make_article("Knots", summary="About ropes.", body=body)

    page = found(client, "hitch")

    assert "A tight <mark>hitch</mark> holds, see the manual." in page
    assert "## Rigging" not in page
    assert "/media/manual.pdf" not in page
