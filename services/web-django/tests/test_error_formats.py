"""Errors are in the caller's format: JSON for programs, pages for people."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING

import pytest

from tests.conftest import PASSWORD
from tests.hostile import logged_in, send

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from accounts.models import User
    from pytest_django import Settings

pytestmark = pytest.mark.django_db

JSON = "application/json"
GRAPHQL, TOKEN, ARTICLES = "/graphql/", "/rest/token/", "/rest/articles/"


def test_it_says_in_json_that_a_login_is_locked(make_user: Callable[..., User]) -> None:
    make_user("ada")
    attempt = json.dumps({"username": "ada", "password": "wrong"}).encode()
    for _ in range(5):
        answer = send("POST", TOKEN, attempt, content_type=JSON, headers={"HTTP_ACCEPT": "*/*"})
    assert (answer.status, answer.headers["Retry-After"]) == (429, "900")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.json["detail"].startswith("The password was wrong too often. This login is locked for 15 minutes")
    right = json.dumps({"username": "ada", "password": PASSWORD}).encode()
    assert send("POST", TOKEN, right, content_type=JSON).status == 429
    page = send("POST", TOKEN, right, content_type=JSON, headers={"HTTP_ACCEPT": "text/html"})
    assert (page.status, page.headers["Content-Type"]) == (429, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("address", "accept", "kind"),
    [
        ("/rest/nothing/", "", JSON),
        ("/rest/nothing/", "*/*", JSON),
        ("/rest/nothing/", "text/html", "text/html"),
        ("/graphql/nothing/", "text/html", JSON),
        ("/nothing/", "", "text/html"),
        ("/nothing/", "*/*", "text/html"),
        ("/nothing/", JSON, JSON),
        ("/nothing/", "image/png", "text/html"),
        ("/nothing/", ";;q=,/", "text/html"),
    ],
)
def test_it_says_in_the_callers_format_that_nothing_is_there(address: str, accept: str, kind: str) -> None:
    answer = send("GET", address, headers={"HTTP_ACCEPT": accept} if accept else {})
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith(kind)


@pytest.mark.parametrize("address", [ARTICLES, GRAPHQL])
def test_it_says_in_json_that_the_database_is_away_for_a_session(
    make_user: Callable[..., User], database_outage: Callable[[], AbstractContextManager[None]], address: str
) -> None:
    cookie = logged_in(make_user("ada"))
    with database_outage():
        answer = send("GET", address, headers=cookie)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    assert "detail" in answer.json or "errors" in answer.json


@pytest.mark.parametrize("address", ["/", ARTICLES, GRAPHQL])
def test_it_says_that_the_database_is_full_and_not_that_it_is_away(
    full_disk: Callable[[], AbstractContextManager[None]], address: str, caplog: pytest.LogCaptureFixture
) -> None:
    query = json.dumps({"query": "{ articles { totalCount } }"}).encode()
    with full_disk():
        answer = send("POST" if address == GRAPHQL else "GET", address, query, content_type=JSON)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    assert "no room left, so nothing was saved" in answer.body.decode()
    assert "less than a minute" not in answer.body.decode()
    told = [record for record in caplog.records if "the disk of the database is full" in record.getMessage()]
    assert {record.levelname for record in told} == {"ERROR"}


def test_a_full_disk_of_pictures_is_no_crash(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rest_framework.throttling.AnonRateThrottle.allow_request", refuse)
    monkeypatch.setattr("mysite.health.HttpResponse", refuse)
    for address in (ARTICLES, "/healthz"):
        answer = send("GET", address)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
        assert "no room left, so nothing was saved" in answer.body.decode()
    told = [record for record in caplog.records if "the disk of the site is full" in record.getMessage()]
    assert [record.levelname for record in told] == ["ERROR", "ERROR"]


@pytest.mark.parametrize(("address", "shape"), [(ARTICLES, "detail"), (GRAPHQL, "errors")])
def test_it_says_in_json_that_something_broke(monkeypatch: pytest.MonkeyPatch, address: str, shape: str) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("rest_framework.throttling.AnonRateThrottle.allow_request", crash)
    answer = send("POST" if address == GRAPHQL else "GET", address, b"{}", content_type=JSON)
    assert answer.status == 500
    assert shape in answer.json


@pytest.fixture
def _a_page_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        kept = "an ordinary variable"
        raise ZeroDivisionError(kept)

    monkeypatch.setattr("django.middleware.common.CommonMiddleware.process_request", crash)


@pytest.mark.usefixtures("_a_page_crashes")
def test_a_crash_tells_visitors_nothing_of_the_code() -> None:
    answer = send("GET", "/")
    assert answer.status == 500
    assert b"ZeroDivisionError" not in answer.body
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.usefixtures("_a_page_crashes")
def test_a_crash_shows_its_traceback_on_a_laptop(settings: Settings) -> None:
    settings.DEBUG_PAGES = True
    answer = send("GET", "/")
    assert answer.status == 500
    assert b"ZeroDivisionError" in answer.body
    assert b"an ordinary variable" in answer.body
    assert settings.SECRET_KEY.encode() not in answer.body
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'unsafe-inline'" in policy, "the page brings its own styles and scripts"
    assert send("GET", "/", headers={"HTTP_ACCEPT": JSON}).json == {"detail": "Something broke on our side"}


def test_it_says_so_in_russian() -> None:
    answer = send("GET", "/rest/nothing/", headers={"HTTP_ACCEPT_LANGUAGE": "ru"})
    assert answer.json["detail"].startswith("Страницы с таким адресом нет")
