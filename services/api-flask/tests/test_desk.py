"""The page that drives the API from a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

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
    assert len(addresses) == 3
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
