"""The frame of every page: headers, forms behind Nginx, and error pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.test import Client
from mysite import config

from tests.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from accounts.models import User
    from news.models import Article

pytestmark = pytest.mark.django_db


def test_it_allows_only_its_own_content(client: Client) -> None:
    response = client.get("/")
    assert response["Content-Security-Policy"].split("; ") == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("address", ["/", "/accounts/login/", "/accounts/register/", "/nothing"])
def test_it_loads_nothing_from_elsewhere_and_nothing_inline(client: Client, address: str) -> None:
    page = client.get(address).content.decode()
    loaded = re.findall(r'(?:src|<link(?! rel="alternate")[^>]* href)="([^"]*)"', page)
    assert loaded
    assert all(path.startswith("/static/") for path in loaded)
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", page)


def test_it_echoes_the_request_id(client: Client) -> None:
    assert client.get("/", headers={"X-Request-ID": "abcdef0123456789"})["X-Request-ID"] == "abcdef0123456789"


def test_it_replaces_a_request_id_that_is_unfit_for_a_log(client: Client) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", client.get("/", headers={"X-Request-ID": 'x"} forged'})["X-Request-ID"])


@pytest.mark.parametrize(
    ("scheme", "host"),
    [("http", "localhost:8080"), ("https", "localhost:8443"), ("http", "127.0.0.1:54321"), ("https", "[::1]:9443")],
)
def test_it_takes_forms_under_every_port_that_nginx_serves(
    make_user: Callable[..., User], scheme: str, host: str
) -> None:
    make_user("ada")
    browser = Client(enforce_csrf_checks=True)
    nginx = {"Host": host, "X-Forwarded-Proto": scheme}
    token = browser.get("/accounts/login/", headers=nginx).context["csrf_token"]
    form = {"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": str(token)}
    response = browser.post("/accounts/login/", form, headers=nginx | {"Origin": f"{scheme}://{host}"})
    assert response.status_code == 302


def test_it_refuses_forms_from_elsewhere(make_user: Callable[..., User]) -> None:
    make_user("ada")
    browser = Client(enforce_csrf_checks=True)
    token = browser.get("/accounts/login/").context["csrf_token"]
    form = {"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": str(token)}
    response = browser.post("/accounts/login/", form, headers={"Origin": "https://elsewhere.example"})
    assert response.status_code == 403
    assert "That form had gone stale" in response.content.decode()


def test_it_refuses_hosts_that_it_does_not_know(client: Client) -> None:
    assert client.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_it_has_a_page_for_what_is_not_there(client: Client) -> None:
    response = client.get("/nothing")
    assert response.status_code == 404
    assert "Nothing is moored here" in response.content.decode()
    assert '<meta name="robots" content="noindex">' in response.content.decode()


def test_it_answers_503_while_the_database_is_away_and_recovers(
    client: Client, make_article: Callable[..., Article], database_outage: Callable[[], AbstractContextManager[None]]
) -> None:
    make_article()
    with database_outage():
        response = client.get("/")
        assert response.status_code == 503
        assert int(response["Retry-After"]) > 0
        assert response["Cache-Control"] == "no-store"
        assert "cast off" in response.content.decode()
        assert client.get("/healthz").status_code == 200
        assert client.get("/nothing").status_code == 404
        assert b"--paper" in b"".join(client.get("/static/mysite/site.css"))
    assert client.get("/").status_code == 200


def test_it_answers_503_for_a_visitor_with_a_session_while_the_database_is_away(
    client: Client, make_user: Callable[..., User], database_outage: Callable[[], AbstractContextManager[None]]
) -> None:
    client.force_login(make_user("ada"))
    client.raise_request_exception = False
    with database_outage():
        assert client.get("/").status_code == 503
        assert client.get("/nothing").status_code == 503
        assert client.get("/accounts/profile/").status_code == 503


def test_it_answers_503_when_a_session_cannot_be_stored(
    client: Client, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("connection refused")

    make_user("ada")
    monkeypatch.setattr(SessionStore, "save", fail)
    client.raise_request_exception = False
    assert client.post("/accounts/login/", {"username": "ada", "password": PASSWORD}).status_code == 503


def test_it_logs_an_outage_in_one_line(
    client: Client, database_outage: Callable[[], AbstractContextManager[None]], caplog: pytest.LogCaptureFixture
) -> None:
    with database_outage():
        client.get("/")
    assert [record.getMessage() for record in caplog.records] == ["the database does not answer: connection refused"]


def test_it_logs_a_crash_with_its_traceback(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    client.raise_request_exception = False
    monkeypatch.setattr("news.models.ArticleQuerySet.published", crash)
    client.get("/")
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]


def test_it_has_a_page_for_its_own_faults_that_needs_no_database(
    client: Client,
    make_user: Callable[..., User],
    monkeypatch: pytest.MonkeyPatch,
    database_outage: Callable[[], AbstractContextManager[None]],
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    client.force_login(make_user("ada"))
    client.raise_request_exception = False
    monkeypatch.setattr("news.models.ArticleQuerySet.published", fail)
    with database_outage():
        response = client.get("/")
    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()


def test_it_keeps_every_picture_and_style_sheet_that_its_templates_name() -> None:
    project = Path(config.__file__).parent
    named = {
        name
        for template in project.parent.glob("*/templates/**/*.html")
        for name in re.findall(r"{% static '([^']+)' %}", template.read_text(encoding="utf-8"))
    }
    assert named
    assert all((project / "static" / name).is_file() for name in named)
