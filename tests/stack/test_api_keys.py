"""The API's keys: made on the command line, counted for all processes together, and no worse off without the cache."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.site import Site
    from tests.support.stack import Stack

UNITS = "/api/v1/units"
LIMIT = 500


def keys(stack: Stack, *arguments: str) -> str:
    """Run ``flask keys`` where the API runs and return what it printed."""
    return stack.compose("exec", "--no-TTY", "api-flask", "flask", "keys", *arguments).stdout.strip()


@pytest.fixture
def key(stack: Stack) -> str:
    return keys(stack, "create", "a test", "--scope=all", f"--requests-per-minute={LIMIT}")


def remaining(site: Site, key: str) -> int:
    """Ask once and return how many requests are left."""
    response = site.get(UNITS, headers={"Authorization": f"Bearer {key}"})
    assert response.status_code == 200, response.text
    found = re.fullmatch(r'"requests";r=(\d+);t=\d+', response.headers["RateLimit"])
    assert found, response.headers
    return int(found[1])


def test_a_key_from_the_command_line_opens_the_api_until_it_is_revoked(stack: Stack, site: Site, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    assert site.get(UNITS).status_code == 401
    assert site.get(UNITS, headers=headers).status_code == 200

    prefix = key.split("_")[1]
    assert f"{prefix}  good" in keys(stack, "list")
    keys(stack, "revoke", prefix)
    assert site.get(UNITS, headers=headers).status_code == 401


def test_all_processes_count_together(site: Site, key: str) -> None:
    # A window may end meanwhile; then all begin again, so that a few requests in a row tell enough.
    wait_until(lambda: [remaining(site, key) - remaining(site, key) for _ in range(4)] == [1] * 4, 30, "one count")


def test_keys_work_while_the_cache_is_away(ready: Stack, site: Site, key: str) -> None:
    ready.stop("redis-cache")

    assert 0 < remaining(site, key) < LIMIT


def test_a_repeated_request_is_answered_and_not_done_again(site: Site) -> None:
    headers = {"Idempotency-Key": "stack-test-1"}
    first, second = (site.post("/api/v1/tasks/add", json={"x": 1, "y": 2}, headers=headers) for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 202)
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Idempotent-Replayed"] == "true"


def test_its_page_and_document_are_served(site: Site) -> None:
    page = site.get("/api/docs")

    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    for address in re.findall(r'(?:src|href|data-document)="([^"]+)"', page.text):
        assert site.get(address).status_code == 200
    assert site.get("/api/openapi.json").json()["openapi"] == "3.1.0"


def test_what_nginx_refuses_is_a_problem_document_too(site: Site) -> None:
    response = site.post("/api/v1/tasks/add", data=b" " * 3_000_000, headers={"Content-Type": "application/json"})

    assert (response.status_code, response.json()["status"]) == (413, 413)
    assert response.headers["Content-Type"] == "application/problem+json"
