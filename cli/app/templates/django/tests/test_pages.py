from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test import Client


def test_it_says_that_it_is_healthy(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"


def test_its_first_page_has_its_style(client: Client) -> None:
    page = client.get("/")

    assert page.status_code == 200
    assert "/static/style.css" in page.text


def test_the_admin_asks_who_is_there(client: Client) -> None:
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
