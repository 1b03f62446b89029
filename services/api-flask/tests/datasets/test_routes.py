from __future__ import annotations

import uuid
from contextlib import ExitStack
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from api.datasets import bodies
from api.datasets.faults import LISTED
from api.datasets.lane import lane
from api.datasets.models import ROWS_PER_PART, Dataset, DatasetPart
from api.datasets.views import MAX_FILE
from sqlalchemy import func, select
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy import Engine
    from werkzeug.test import TestResponse

DATASETS = "/api/v1/datasets"
FILE = b"day,city,amount\n2026-01-31,Riga,1.50\n2026-02-01,Oslo,\n"
COLUMNS = "day:date,city:text,amount:number?"


@pytest.fixture
def client(client: FlaskClient, authorized: dict[str, str]) -> FlaskClient:
    client.environ_base["HTTP_AUTHORIZATION"] = authorized["Authorization"]
    return client


def upload(client: FlaskClient, file: bytes = FILE, **options: Any) -> TestResponse:  # noqa: ANN401 - the client's own arguments
    query = {"columns": COLUMNS, "name": "harbours"}
    return client.post(DATASETS, **{"data": file, "content_type": "text/csv", "query_string": query} | options)


def stored(engine: Engine) -> tuple[int | None, int | None]:
    with Session(engine) as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) for table in (Dataset, DatasetPart))  # type: ignore[return-value]


def test_an_uploaded_file_becomes_a_dataset(client: FlaskClient) -> None:
    response = upload(client)

    assert response.status_code == 201
    document = response.get_json()
    assert response.headers["Location"] == f"{DATASETS}/{document['id']}"
    assert (document["name"], document["rows"], document["bytes"]) == ("harbours", 2, len(FILE))
    assert document["columns"] == [
        {"name": "day", "type": "date", "optional": False},
        {"name": "city", "type": "text", "optional": False},
        {"name": "amount", "type": "number", "optional": True},
    ]
    assert datetime.fromisoformat(document["created_at"]) < datetime.fromisoformat(document["expires_at"])
    assert client.get(response.headers["Location"]).get_json() == document


def test_one_owner_takes_half_of_the_places_from_however_many_addresses(
    client: FlaskClient, app: Flask, owner: uuid.UUID, make_key: Callable[..., str]
) -> None:
    with app.app_context(), ExitStack() as running:
        for _ in range(2):  # of four threads
            running.enter_context(lane().place(owner))
        refused = upload(client)
        others = {"Authorization": f"Bearer {make_key()}"}

        assert (refused.status_code, refused.content_type) == (429, "application/problem+json")
        assert int(refused.headers["Retry-After"]) > 0
        assert upload(client, headers=others).status_code == 201
    assert upload(client).status_code == 201, "an upload that has ended makes room"


def test_an_upload_that_fails_gives_its_place_back(client: FlaskClient) -> None:
    for _ in range(5):
        assert upload(client, b"nonsense").status_code == 422
    assert upload(client).status_code == 201


def test_a_form_may_bring_the_file_and_what_is_to_say_of_it(client: FlaskClient) -> None:
    form = {"columns": COLUMNS, "file": (BytesIO(FILE), "files/harbours 2026.csv")}
    response = client.post(DATASETS, data=form, content_type="multipart/form-data")

    assert response.status_code == 201
    assert (response.get_json()["name"], response.get_json()["rows"]) == ("harbours 2026.csv", 2)


def test_a_file_without_a_declaration_has_the_usual_columns(client: FlaskClient) -> None:
    file = b"day,category,quantity,amount\n2026-01-31,rope,2,9.90\n"
    response = upload(client, file, query_string={})

    assert [column["name"] for column in response.get_json()["columns"]] == ["day", "category", "quantity", "amount"]
    assert response.get_json()["name"] == "unnamed"


def test_rows_are_shown_with_the_types_of_their_columns(client: FlaskClient) -> None:
    location = upload(client).headers["Location"]

    assert client.get(f"{location}/rows").get_json() == {
        "columns": ["day", "city", "amount"],
        "rows": [["2026-01-31", "Riga", 1.5], ["2026-02-01", "Oslo", None]],
        "total": 2,
    }


def test_any_stretch_of_rows_can_be_shown(client: FlaskClient) -> None:
    count = 2 * ROWS_PER_PART
    file = b"n\n" + b"".join(b"%d\n" % number for number in range(count))
    location = upload(client, file, query_string={"columns": "n:integer"}).headers["Location"]

    def shown(offset: int, limit: int) -> list[int]:
        rows = client.get(f"{location}/rows", query_string={"offset": offset, "limit": limit}).get_json()["rows"]
        return [row[0] for row in rows]

    assert shown(ROWS_PER_PART - 2, 4) == list(range(ROWS_PER_PART - 2, ROWS_PER_PART + 2))
    assert shown(count - 1, 10) == [count - 1]
    assert shown(count, 10) == []


def test_a_faulty_file_is_refused_with_the_line_of_each_fault(client: FlaskClient, engine: Engine) -> None:
    response = upload(client, FILE + b"2026-02-30,,x\n\nyes\n")

    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    problem = response.get_json()
    assert problem["detail"] == "the file has 4 faults; nothing was stored"
    assert problem["total"] == 4
    assert [(fault["line"], fault.get("column")) for fault in problem["faults"]] == [
        (4, "day"),
        (4, "city"),
        (4, "amount"),
        (6, None),
    ]
    assert stored(engine) == (0, 0)


def test_a_file_with_very_many_faults_lists_the_first_and_counts_the_rest(client: FlaskClient) -> None:
    problem = upload(client, b"day,city,amount\n" + b"x,Riga,1\n" * 5000).get_json()

    assert (len(problem["faults"]), problem["total"]) == (LISTED, 5000)


def test_a_file_that_is_too_large_is_refused(client: FlaskClient) -> None:
    response = client.post(DATASETS, content_type="text/csv", environ_overrides={"CONTENT_LENGTH": str(MAX_FILE + 1)})

    assert response.status_code == 413
    assert response.get_json()["status"] == 413


def test_a_sender_who_goes_away_leaves_nothing(client: FlaskClient, engine: Engine) -> None:
    promised = {"CONTENT_LENGTH": str(len(FILE) + 1)}
    response = client.post(
        DATASETS,
        input_stream=BytesIO(FILE),
        environ_overrides=promised,
        content_type="text/csv",
        query_string={"columns": COLUMNS},
    )

    assert response.status_code == 400
    assert stored(engine) == (0, 0)


def test_a_sender_who_takes_too_long_is_cut_off(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LONGEST", 0.0)

    assert upload(client).status_code == 408
    assert stored(engine) == (0, 0)


@pytest.mark.parametrize(
    ("options", "status", "field"),
    [
        ({"query_string": {"columns": "day"}}, 422, "columns"),
        ({"query_string": {"colums": COLUMNS}}, 422, "colums"),
        ({"query_string": {"name": "x" * 201}}, 422, "name"),
        ({"content_type": "text/csv; charset=nonsense"}, 415, "Content-Type"),
        ({"content_type": "text/csv; charset=utf-7"}, 415, "Content-Type"),
        ({"content_type": "text/csv; charset=unicode_escape", "data": rb"\ud800"}, 415, "Content-Type"),
        ({"content_type": "application/json"}, 415, None),
        ({"content_type": "multipart/form-data; boundary=x"}, 400, None),
    ],
)
def test_a_request_that_is_not_right_is_told_why(
    client: FlaskClient, engine: Engine, options: dict[str, Any], status: int, field: str | None
) -> None:
    response = upload(client, **options)

    assert response.status_code == status
    assert response.get_json().get("field") == field
    assert stored(engine) == (0, 0)


def test_datasets_are_listed_the_newest_first(client: FlaskClient) -> None:
    ids = [upload(client).get_json()["id"] for _ in range(3)]

    assert [item["id"] for item in client.get(DATASETS).get_json()["items"]] == ids[::-1]
    page = client.get(DATASETS, query_string={"offset": 1, "limit": 1}).get_json()
    assert ([item["id"] for item in page["items"]], page["total"]) == ([ids[1]], 3)


def test_a_dataset_is_removed_with_its_rows(client: FlaskClient, engine: Engine) -> None:
    location = upload(client).headers["Location"]

    assert client.delete(location).status_code == 204
    assert stored(engine) == (0, 0)
    assert client.delete(location).status_code == 404


@pytest.mark.parametrize("path", ["", "/rows"])
def test_a_dataset_that_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    response = client.get(f"{DATASETS}/{uuid.uuid4()}{path}")

    assert response.status_code == 404
    assert "there is no dataset" in response.get_json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", ""), ("GET", ""), ("GET", "/{}"), ("GET", "/{}/rows"), ("DELETE", "/{}")]
)
def test_nothing_is_open_without_a_key_for_it(
    client: FlaskClient, make_key: Callable[..., str], method: str, path: str
) -> None:
    address = DATASETS + path.format(uuid.uuid4())
    other = "datasets:read" if method in {"POST", "DELETE"} else "datasets:write"
    refused = {"Authorization": f"Bearer {make_key(other)}"}

    assert client.open(address, method=method, headers={"Authorization": ""}).status_code == 401
    assert client.open(address, method=method, headers=refused).status_code == 403
