from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from api.routes import Answer, Operation

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

METHODS = {"get", "post", "put", "patch", "delete"}


def test_the_document_has_every_route_of_the_api(app: Flask, client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in METHODS.intersection(item)
    }
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule == "/api/" or rule.rule.startswith("/api/v")  # the other routes are pages for people
    }

    assert document["openapi"] == "3.1.0"
    assert described == routes


def test_every_problem_in_the_document_is_a_problem_document(client: FlaskClient) -> None:
    for item in client.get("/api/openapi.json").get_json()["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert set(response["content"]) == {"application/problem+json"}


def test_what_needs_a_key_says_which_scope(client: FlaskClient) -> None:
    paths = client.get("/api/openapi.json").get_json()["paths"]

    assert paths["/api/v1/units"]["post"]["security"] == [{"apiKey": ["tables:write"]}]
    assert paths["/api/v1/tasks/add"]["post"]["security"] == []


def test_the_page_loads_only_what_is_here(client: FlaskClient) -> None:
    page = client.get("/api/docs")

    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    addresses = re.findall(r'(?:src|href|data-document)="([^"]+)"', page.text)
    assert len(addresses) >= 5
    for address in addresses:
        assert address.startswith("/api/")
        with client.get(address) as response:
            assert response.status_code == 200
    assert not re.search(r"<script>|<style|style=|onload=", page.text)


def test_the_files_of_the_page_may_be_kept(client: FlaskClient) -> None:
    [bundle] = re.findall(r'src="([^"]+bundle\.js)"', client.get("/api/docs").text)

    with client.get(bundle) as response:
        assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize("name", ["views.py", "nowhere.js", "..%2Fviews.py"])
def test_no_other_file_is_given_away(client: FlaskClient, name: str) -> None:
    assert client.get(f"/api/docs/1/{name}").status_code == 404


def test_a_view_must_say_by_a_model_what_it_takes() -> None:
    def view(body: dict[str, str]) -> None: ...

    with pytest.raises(TypeError, match="must be annotated with a pydantic model"):
        Operation("POST", "/", view, (Answer(200, "It."),))


def test_a_query_that_nobody_would_read_is_refused(client: FlaskClient) -> None:
    response = client.get("/api/v1/ping?colour=red")

    assert (response.status_code, response.get_json()["field"]) == (422, "colour")
