"""The page that uses the API from a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polib  # type: ignore[import-untyped]  # it has no types
import pytest
from api.reports.models import State
from api.reports_page import views

if TYPE_CHECKING:
    from flask.testing import FlaskClient


@pytest.fixture
def page(client: FlaskClient) -> tuple[str, str]:
    """Return the page and its policy."""
    with client.get("/api/reports") as response:
        assert response.status_code == 200
        return response.get_data(as_text=True), response.headers["Content-Security-Policy"]


def test_it_has_files_of_its_own_alone(client: FlaskClient, page: tuple[str, str]) -> None:
    addresses = re.findall(r'(?:href|src)="(/api/reports/[^"]+)"', page[0])
    assert len(addresses) == 4
    for address in addresses:
        with client.get(address) as response:
            assert response.status_code == 200, address


def test_it_lets_no_inline_script_run_and_nothing_come_from_elsewhere(page: tuple[str, str]) -> None:
    text, policy = page
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|<script(?! type=\"module\" src=)|\son\w+=|\sstyle=|https?://", text)


@pytest.mark.parametrize("name", ["no-such-file.js", "..%2fviews.py"])
def test_it_has_nothing_else_to_show(client: FlaskClient, name: str) -> None:
    assert client.get(f"/api/reports/{name}").status_code == 404


@pytest.mark.parametrize(
    ("cookie", "wish", "language"),
    [("", "", "en"), ("", "ru-RU,ru;q=0.9,en;q=0.8", "ru"), ("en", "ru", "en"), ("ru", "en", "ru"), ("xx", "de", "en")],
)
def test_it_speaks_the_language_that_was_chosen_on_the_site_or_that_the_browser_wants(
    client: FlaskClient, cookie: str, wish: str, language: str
) -> None:
    client.set_cookie(views.LANGUAGE_COOKIE, cookie)
    response = client.get("/api/reports", headers={"Accept-Language": wish})
    assert f'<html lang="{language}">' in response.text
    assert ("<h1>Отчёты</h1>" in response.text) == (language == "ru")
    assert response.vary.as_set() == {"cookie", "accept-language"}
    assert response.headers["Content-Language"] == language


def test_it_says_everything_in_russian_too() -> None:
    environment: Any = views.template_environment("ru")
    source, _, _ = environment.loader.get_source(environment, "reports.html")
    catalogue = views.TEXTS / "ru" / "LC_MESSAGES" / "reports"
    translated = {entry.msgid: entry.msgstr for entry in polib.pofile(f"{catalogue}.po")}
    assert set(translated) == {message for _, _, message in environment.extract_translations(source)}
    assert all(translated.values())
    assert {entry.msgid: entry.msgstr for entry in polib.mofile(f"{catalogue}.mo")} == translated


def test_it_has_a_word_for_every_state_of_a_report(page: tuple[str, str]) -> None:
    assert all(f'data-{state}="{state}"' in page[0] for state in State)


def test_nothing_sends_the_key_before_the_page_s_program_is_there(page: tuple[str, str]) -> None:
    assert re.search(r'<button type="submit" disabled>', page[0])
