from __future__ import annotations

from app_name.wsgi import application


def test_it_says_that_it_is_healthy() -> None:
    assert application.test_client().get("/healthz").text == "ok\n"


def test_its_first_page_has_its_style() -> None:
    page = application.test_client().get("/")

    assert page.status_code == 200
    assert "/static/style.css" in page.text
