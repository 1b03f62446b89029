"""The API that hands work to the workers and tells what became of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.site import Site


def test_it_adds_two_numbers_in_a_worker(site: Site) -> None:
    accepted = site.send_task(4, 4)

    assert accepted.status_code == 202
    location = accepted.headers["Location"]
    assert location.startswith("/api/v1/tasks/")
    wait_until(lambda: site.result(location) is not None, 20, "the sum")
    document = site.get(location).json()
    assert document == {"id": location.rpartition("/")[2], "state": "SUCCESS", "ready": True, "result": 8}


@pytest.mark.parametrize(("x", "y", "total"), [(0, 0, 0), (-3, 1, -2), (0.5, 0.25, 0.75), (10**15, 1, 10**15 + 1)])
def test_it_adds_any_numbers(site: Site, x: float, y: float, total: float) -> None:
    location = site.send_task(x, y).headers["Location"]

    wait_until(lambda: site.result(location) is not None, 20, "the sum")
    assert site.result(location) == total


def test_it_does_not_know_a_task_that_nobody_sent(site: Site) -> None:
    response = site.get("/api/v1/tasks/00000000-0000-4000-8000-000000000000")

    assert response.status_code == 404
    assert set(response.json()) >= {"title", "status", "detail"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"x": "four", "y": 4}, "x"),
        ({"x": 4, "y": None}, "y"),
        ({"x": 4}, "y"),
        ({"x": True, "y": 4}, "x"),
        ({"x": [4], "y": 4}, "x"),
    ],
)
def test_it_names_the_field_that_is_wrong(site: Site, body: dict[str, Any], field: str) -> None:
    response = site.post("/api/v1/tasks/add", json=body)

    assert response.status_code == 422
    document = response.json()
    assert set(document) >= {"title", "status", "detail"}
    assert document["field"] == field
    assert re.search(rf"\b{field}\b", document["detail"]), document


@pytest.mark.parametrize("body", ["{not json", "", "[1, 2]", '"4"', '{"x": NaN, "y": 1}'])
def test_it_says_in_json_that_a_body_is_no_use(site: Site, body: str) -> None:
    response = site.post("/api/v1/tasks/add", data=body, headers={"Content-Type": "application/json"})

    assert response.status_code in {400, 422}
    assert set(response.json()) >= {"title", "status", "detail"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nowhere", 404), ("DELETE", "/api/v1/tasks/add", 405), ("POST", "/api/v1/nowhere", 404)],
)
def test_its_errors_are_problem_documents_too(site: Site, method: str, path: str, status: int) -> None:
    response = site.request(method, path)

    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert set(response.json()) >= {"title", "status", "detail"}


def test_it_refuses_a_body_that_is_too_large(site: Site) -> None:
    response = site.post("/api/v1/tasks/add", data=b" " * 3_000_000, headers={"Content-Type": "application/json"})

    assert response.status_code == 413
