"""The frame of ``/rest/``: limits, outages, the OpenAPI document and the pages for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.contrib.staticfiles import finders
from django.core.cache import caches
from rest_framework.test import APIClient
from rest_framework.throttling import AnonRateThrottle, ScopedRateThrottle, SimpleRateThrottle

from tests.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from accounts.models import User
    from django.core.cache import BaseCache
    from django.test import Client
    from news.models import Article

pytestmark = pytest.mark.django_db

ARTICLES = "/rest/articles/"


def test_it_refuses_who_asks_too_often_and_says_when_to_come_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AnonRateThrottle, "THROTTLE_RATES", {"anon": "2/min"})
    others = {"X-Forwarded-For": "192.0.2.7"}
    assert [client.get(ARTICLES).status_code for _ in range(3)] == [200, 200, 429]
    assert 0 < int(client.get(ARTICLES)["Retry-After"]) <= 60
    assert client.get(ARTICLES, headers=others).status_code == 200


def test_it_believes_nginx_alone_about_who_asks(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnonRateThrottle, "THROTTLE_RATES", {"anon": "1/min"})
    answers = [
        client.get(ARTICLES, headers={"X-Forwarded-For": f"198.51.100.{number}, 192.0.2.7"}).status_code
        for number in range(2)
    ]
    assert answers == [200, 429]


def test_it_slows_down_who_guesses_passwords(make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch) -> None:
    make_user("ada")
    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"login": "2/min"})
    attempt = {"username": "ada", "password": "wrong"}
    answers = [APIClient().post("/rest/token/", attempt).status_code for _ in range(3)]
    assert answers == [400, 400, 429]
    assert APIClient().post("/rest/token/", attempt | {"password": PASSWORD}).status_code == 429


def test_it_answers_without_counting_while_the_cache_is_away(
    client: Client, away: BaseCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimpleRateThrottle, "cache", away)
    monkeypatch.setattr(AnonRateThrottle, "THROTTLE_RATES", {"anon": "1/min"})
    assert [client.get(ARTICLES).status_code for _ in range(3)] == [200, 200, 200]
    assert caches["default"] is not away


def test_it_says_in_json_that_the_database_is_away(
    client: Client, make_article: Callable[..., Article], database_outage: Callable[[], AbstractContextManager[None]]
) -> None:
    make_article()
    with database_outage():
        response = client.get(ARTICLES)
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert response.json() == {"detail": "The database does not answer at this moment. Please try again soon."}
    assert client.get(ARTICLES).status_code == 200


def test_it_describes_itself_in_openapi(client: Client) -> None:
    document = client.get("/rest/schema/?format=json").json()
    assert document["openapi"].startswith("3.")
    assert set(document["paths"]) == {
        "/rest/articles/",
        "/rest/articles/{slug}/",
        "/rest/categories/",
        "/rest/categories/{slug}/",
        "/rest/comments/",
        "/rest/comments/{id}/",
        "/rest/comments/{id}/approve/",
        "/rest/comments/{id}/reject/",
        "/rest/tags/",
        "/rest/tags/{slug}/",
        "/rest/token/",
    }
    parameters = {parameter["name"] for parameter in document["paths"]["/rest/articles/"]["get"]["parameters"]}
    assert {"category", "tag", "search", "ordering", "page", "page_size", "published_after"} <= parameters
    assert set(document["components"]["securitySchemes"]) == {"token", "cookieAuth"}


def test_it_makes_the_openapi_document_without_a_warning(capsys: pytest.CaptureFixture[str], client: Client) -> None:
    client.get("/rest/schema/")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("address", ["/rest/", ARTICLES, "/rest/comments/", "/rest/token/", "/rest/docs/"])
def test_it_shows_people_pages_that_load_nothing_from_elsewhere(
    client: Client, make_user: Callable[..., User], address: str
) -> None:
    client.force_login(make_user("ada"))
    response = client.get(address, headers={"Accept": "text/html"})
    page = response.content.decode()
    assert response["Content-Type"].startswith("text/html")
    loaded = re.findall(r'<(?:script|img|link)[^>]*(?:src|href)="([^"]*)"', page)
    assert len(loaded) > 3
    own = [path for path in loaded if path.startswith("/rest/docs/")]
    assert all(path.startswith("/static/") for path in loaded if path not in own)
    assert all(finders.find(path.removeprefix("/static/")) for path in loaded if path not in own)
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*(src=|application/json))|\son(click|load)=", page)
    assert "`" not in page, "marks of Markdown, which nothing turns into code here"


def test_its_first_page_leads_to_the_openapi_document_and_to_its_page(client: Client) -> None:
    page = client.get("/rest/", headers={"Accept": "text/html"}).content.decode()
    assert '<a href="/rest/schema/">/rest/schema/</a> describes it' in page
    assert '<a href="/rest/docs/">/rest/docs/</a> tries it out' in page


def test_it_starts_the_page_of_the_openapi_document_from_a_file(client: Client) -> None:
    script = client.get("/rest/docs/?script=")
    assert script["Content-Type"] == "application/javascript"
    assert "/rest/schema/" in script.content.decode()
    assert "img-src 'self' data:" in client.get("/rest/docs/")["Content-Security-Policy"]


def test_it_shows_staff_whose_tokens_there_are_but_makes_none_in_the_admin(
    client: Client, make_user: Callable[..., User]
) -> None:
    boss = make_user("boss", is_staff=True, is_superuser=True)
    APIClient().post("/rest/token/", {"username": "boss", "password": PASSWORD, "name": "laptop"})
    client.force_login(boss)
    assert "laptop" in client.get("/admin/rest/token/").content.decode()
    assert client.get("/admin/rest/token/add/").status_code == 403
