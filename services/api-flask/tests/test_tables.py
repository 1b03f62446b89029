from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

JSON_API = "application/vnd.api+json"
UNITS = "/api/v1/units"
KILOMETRE: dict[str, Any] = {"symbol": "km", "name": "Kilometre", "quantity": "length", "factor": 1000.0}


class Api:
    """A client of the JSON:API with a key with all scopes."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self.client = client
        self.headers = headers

    def send(self, method: str, path: str, body: Any = None) -> TestResponse:  # noqa: ANN401 - JSON
        headers = self.headers | ({"Content-Type": JSON_API} if body is not None else {})
        return self.client.open(path, method=method, headers=headers, json=body)

    def create(self, type_: str = "units", **attributes: Any) -> TestResponse:  # noqa: ANN401 - JSON
        return self.send("POST", f"/api/v1/{type_}", {"data": {"type": type_, "attributes": attributes}})

    def get(self, path: str) -> dict[str, Any]:
        response = self.send("GET", path)
        assert (response.status_code, response.content_type) == (200, JSON_API)
        document: dict[str, Any] = response.get_json()
        return document


@pytest.fixture
def api(client: FlaskClient, authorized: dict[str, str]) -> Api:
    return Api(client, authorized)


def test_a_row_is_made_and_found_where_the_answer_says(api: Api) -> None:
    made = api.create(**KILOMETRE)

    assert (made.status_code, made.content_type) == (201, JSON_API)
    data = made.get_json()["data"]
    assert made.headers["Location"] == data["links"]["self"] == f"{UNITS}/{data['id']}"
    assert data["type"] == "units"
    assert {name: data["attributes"][name] for name in KILOMETRE} == KILOMETRE
    assert data["attributes"]["created_at"]
    assert api.get(made.headers["Location"])["data"] == data


def test_what_has_a_default_need_not_be_sent(api: Api) -> None:
    made = api.create(symbol="m", name="Metre", quantity="length")

    assert made.get_json()["data"]["attributes"]["factor"] == 1


def test_a_change_changes_what_was_sent_and_nothing_else(api: Api) -> None:
    data = api.create(**KILOMETRE).get_json()["data"]
    body = {"data": {"type": "units", "id": data["id"], "attributes": {"name": "Kilometer"}}}

    changed = api.send("PATCH", data["links"]["self"], body)
    assert changed.status_code == 200
    assert changed.get_json()["data"] == data | {"attributes": data["attributes"] | {"name": "Kilometer"}}


def test_what_may_be_empty_can_be_emptied(api: Api) -> None:
    data = api.create("labels", name="tar", note="for ropes").get_json()["data"]
    body = {"data": {"type": "labels", "id": data["id"], "attributes": {"note": None}}}

    assert api.send("PATCH", data["links"]["self"], body).get_json()["data"]["attributes"]["note"] is None


def test_a_removed_row_is_gone(api: Api) -> None:
    where = api.create(**KILOMETRE).headers["Location"]

    assert (api.send("DELETE", where).status_code, api.send("DELETE", where).status_code) == (204, 404)
    assert api.send("GET", where).status_code == 404
    assert api.get(UNITS)["data"] == []


def test_a_list_comes_in_pages_that_lead_to_each_other(api: Api) -> None:
    for number in range(5):
        api.create("labels", name=f"label-{number}")

    seen, where = [], "/api/v1/labels?page[size]=2&sort=-name"
    while where:
        page = api.get(where)
        assert page["meta"] == {"total": 5}
        seen.append([row["attributes"]["name"] for row in page["data"]])
        where = page["links"]["next"]
    assert seen == [["label-4", "label-3"], ["label-2", "label-1"], ["label-0"]]
    assert api.get(page["links"]["prev"])["data"][0]["attributes"]["name"] == "label-2"
    assert api.get(page["links"]["first"])["links"]["prev"] is None
    assert api.get(page["links"]["last"])["data"] == page["data"]


def test_a_list_can_be_narrowed(api: Api) -> None:
    api.create(**KILOMETRE)
    api.create(symbol="kg", name="Kilogram", quantity="mass")

    page = api.get(f"{UNITS}?filter[quantity]=mass")
    assert [row["attributes"]["symbol"] for row in page["data"]] == ["kg"]
    assert page["meta"]["total"] == 1


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        (KILOMETRE | {"factor": 0}, "factor"),
        (KILOMETRE | {"factor": "1"}, "factor"),
        (KILOMETRE | {"symbol": "K M"}, "symbol"),
        (KILOMETRE | {"name": "a\u0000b"}, "name"),
        (KILOMETRE | {"name": " "}, "name"),
        (KILOMETRE | {"name": None}, "name"),
        (KILOMETRE | {"colour": "red"}, "colour"),
        (KILOMETRE | {"created_at": "2026-01-01T00:00:00Z"}, "created_at"),
        ({"symbol": "km", "name": "Kilometre"}, "quantity"),
    ],
)
def test_it_names_the_attribute_that_is_wrong(api: Api, attributes: dict[str, Any], field: str) -> None:
    response = api.create(**attributes)

    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert response.get_json()["field"] == f"data.attributes.{field}"


def test_it_lists_every_fault(api: Api) -> None:
    response = api.create(symbol="K M", name="", quantity="length")

    fields = [fault["field"] for fault in response.get_json()["errors"]]
    assert fields == ["data.attributes.symbol", "data.attributes.name"]


def test_it_names_what_is_taken_already(api: Api) -> None:
    api.create(**KILOMETRE)
    response = api.create(**KILOMETRE)

    assert (response.status_code, response.get_json()["field"]) == (409, "data.attributes.symbol")
    assert "INSERT" not in response.text


def test_a_row_cannot_be_given_another_id(api: Api) -> None:
    where = api.create(**KILOMETRE).headers["Location"]
    body = {"data": {"type": "units", "id": str(uuid.uuid4()), "attributes": {}}}

    response = api.send("PATCH", where, body)
    assert (response.status_code, response.get_json()["field"]) == (409, "data.id")


def test_a_document_of_another_type_is_refused(api: Api) -> None:
    response = api.send("POST", UNITS, {"data": {"type": "labels", "attributes": KILOMETRE}})

    assert (response.status_code, response.get_json()["field"]) == (422, "data.type")


@pytest.mark.parametrize(
    "query", ["sort=colour", "page[size]=101", "page[number]=0", "filter[factor]=1", "q=1", "sort=name&sort=name"]
)
def test_it_refuses_a_query_that_it_does_not_understand(api: Api, query: str) -> None:
    response = api.send("GET", f"{UNITS}?{query}")

    assert response.status_code == 422
    assert response.get_json()["field"] in query


def test_it_wants_the_media_type_of_json_api(api: Api) -> None:
    headers = api.headers | {"Content-Type": "application/json"}

    assert api.client.post(UNITS, data="{}", headers=headers).status_code == 415
