from __future__ import annotations

import csv
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from api.datasets.columns import parse
from api.datasets.loading import load
from api.datasets.streams import Stream
from api.reports.models import Report, State
from api.reports.running import run_report
from landfast_outbox import store
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask.testing import FlaskClient
    from landfast_outbox.task import NewTask
    from landfast_testing.outbox import Outbox
    from sqlalchemy import Engine


REPORTS = "/api/v1/reports"
FILE = b"day,city,amount\n2026-01-31,Riga,1.50\n2026-02-01,=Oslo(),2\n2026-02-02,Riga,1\n2026-02-02,-5,1\n"


@pytest.fixture
def client(client: FlaskClient, authorized: dict[str, str]) -> FlaskClient:
    client.environ_base["HTTP_AUTHORIZATION"] = authorized["Authorization"]
    return client


@pytest.fixture
def dataset(engine: Engine, owner: uuid.UUID) -> str:
    return str(make_dataset(engine, owner))


def make_dataset(engine: Engine, owner: uuid.UUID, file: bytes = FILE) -> uuid.UUID:
    columns = parse("day:date,city:text,amount:number")
    with Session(engine) as session, session.begin():
        return load(session, Stream([file]), owner=owner, name="harbours", columns=columns).id


@pytest.fixture
def report(client: FlaskClient, outbox: Outbox, dataset: str) -> str:
    """The address of a requested report."""
    body = {"dataset": dataset, "group_by": "city", "value": "amount", "measure": "sum"}
    response = client.post(REPORTS, json=body)
    assert (response.status_code, len(outbox.tasks)) == (202, 1)
    return response.headers["Location"]


def number(engine: Engine) -> int | None:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Report))


def change(engine: Engine, **values: Any) -> None:  # noqa: ANN401 - values of columns
    with Session(engine) as session, session.begin():
        session.execute(update(Report).values(**values))


def run(engine: Engine, report: str) -> None:
    run_report(report.rpartition("/")[2], engine)


def test_a_report_is_handed_to_a_worker(client: FlaskClient, outbox: Outbox, dataset: str) -> None:
    response = client.post(REPORTS, json={"dataset": dataset, "group_by": "day", "period": "month"})

    assert response.status_code == 202
    document = response.get_json()
    [task] = outbox.tasks
    assert (task.name, task.arguments) == ("api.reports.tasks.run_report", [document["id"]])
    assert response.headers["Location"] == f"{REPORTS}/{document['id']}"
    assert (document["state"], document["progress"], document["links"]) == ("queued", 0, None)
    assert (document["measure"], document["period"]) == ("count", "month")
    assert client.get(response.headers["Location"]).get_json() == document


def test_a_report_that_is_asked_for_twice_with_one_key_is_made_once(
    client: FlaskClient, outbox: Outbox, dataset: str
) -> None:
    ids = {
        client.post(
            REPORTS, json={"dataset": dataset, "group_by": "city"}, headers={"Idempotency-Key": "one"}
        ).get_json()["id"]
        for _ in range(2)
    }

    assert len(ids) == len(outbox.tasks) == 1


def test_a_report_and_its_task_are_stored_together_or_not_at_all(
    client: FlaskClient, engine: Engine, outbox: Outbox, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = store.insert

    def fail(cursor: store.Cursor, tasks: Sequence[NewTask]) -> None:
        written(cursor, tasks)
        raise psycopg.OperationalError("the server closed the connection")

    monkeypatch.setattr("landfast_outbox.writing.store.insert", fail)
    response = client.post(REPORTS, json={"dataset": dataset, "group_by": "city"})

    assert response.status_code == 503
    assert (number(engine), outbox.tasks) == (0, [])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"dataset": str(uuid.uuid4())}, "dataset"),
        ({"dataset": "one"}, "dataset"),
        ({"group_by": "town"}, "group_by"),
        ({"group_by": "city", "period": "month"}, "period"),
        ({"value": "city", "measure": "sum"}, "value"),
        ({"measure": "sum"}, "value"),
        ({"measure": "median"}, "measure"),
        ({"more": 1}, "more"),
    ],
)
def test_a_report_that_cannot_be_made_names_the_field(
    client: FlaskClient, engine: Engine, dataset: str, changes: dict[str, Any], field: str
) -> None:
    response = client.post(REPORTS, json={"dataset": dataset, "group_by": "city"} | changes)

    assert response.status_code == 422
    assert response.get_json()["field"] == field
    assert number(engine) == 0


def test_a_report_tells_how_far_it_is(client: FlaskClient, engine: Engine, report: str) -> None:
    change(engine, state=State.RUNNING, progress=42, started_at=func.now())

    document = client.get(report).get_json()
    assert (document["state"], document["progress"]) == ("running", 42)
    assert document["started_at"] is not None


def test_a_result_comes_as_json_csv_and_a_chart(client: FlaskClient, engine: Engine, report: str) -> None:
    run(engine, report)

    document = client.get(report).get_json()
    assert (document["state"], document["progress"]) == ("succeeded", 100)
    result = client.get(document["links"]["result"]).get_json()
    assert result["rows"] == [["Riga", 2, 2.5, 1.25, 1, 1.5], ["=Oslo()", 1, 2, 2, 2, 2], ["-5", 1, 1, 1, 1, 1]]
    table = client.get(document["links"]["csv"])
    assert table.content_type == "text/csv; charset=utf-8"
    assert list(csv.reader(table.text.splitlines()))[:2] == [
        ["city", "count", "sum", "mean", "min", "max"],
        ["Riga", "2", "2.5", "1.25", "1", "1.5"],
    ]
    chart = client.get(document["links"]["chart"])
    assert chart.content_type == "image/png"
    assert chart.data.startswith(b"\x89PNG")


def test_no_spreadsheet_takes_a_group_for_a_formula(client: FlaskClient, engine: Engine, report: str) -> None:
    run(engine, report)

    groups = [row[0] for row in csv.reader(client.get(f"{report}/result.csv").text.splitlines())]
    assert groups == ["city", "Riga", "'=Oslo()", "-5"]


def test_the_name_of_a_column_is_no_formula_either(client: FlaskClient, engine: Engine, owner: uuid.UUID) -> None:
    with Session(engine) as session, session.begin():
        columns = parse("=cmd|'/C calc'!A0:text")
        dataset = load(session, Stream([b"=cmd|'/C calc'!A0\nRiga\n"]), owner=owner, name="x", columns=columns).id
    body = {"dataset": str(dataset), "group_by": columns[0].name}
    report = client.post(REPORTS, json=body).headers["Location"]
    run(engine, report)

    assert client.get(f"{report}/result.csv").text.startswith("\"'=cmd|")


@pytest.mark.parametrize("what", ["result", "result.csv", "chart.png"])
@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.FAILED, State.CANCELLED])
def test_a_report_without_a_result_says_why(
    client: FlaskClient, engine: Engine, report: str, what: str, state: State
) -> None:
    change(engine, state=state, problem="no ink" if state == State.FAILED else None)

    response = client.get(f"{report}/{what}")
    assert response.status_code == 409
    assert response.get_json()["detail"].endswith("failed: no ink" if state == State.FAILED else state)


def test_a_report_that_failed_says_why(client: FlaskClient, engine: Engine, report: str) -> None:
    change(engine, state=State.FAILED, problem="no ink", finished_at=func.now())

    document = client.get(report).get_json()
    assert (document["state"], document["problem"]) == ("failed", "no ink")


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_a_report_can_be_cancelled_until_it_is_over(
    client: FlaskClient, engine: Engine, report: str, state: State
) -> None:
    change(engine, state=state)

    for _ in range(2):
        response = client.post(f"{report}/cancel")
        assert (response.status_code, response.get_json()["state"]) == (200, "cancelled")
    run(engine, report)
    assert client.get(report).get_json()["state"] == "cancelled"


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED])
def test_what_is_over_cannot_be_cancelled(client: FlaskClient, engine: Engine, report: str, state: State) -> None:
    change(engine, state=state)

    response = client.post(f"{report}/cancel")
    assert response.status_code == 409
    assert client.get(report).get_json()["state"] == state


def test_a_report_can_be_removed(client: FlaskClient, engine: Engine, report: str) -> None:
    assert client.delete(report).status_code == 204
    assert number(engine) == 0
    assert client.delete(report).status_code == 404


def test_reports_are_listed_the_newest_first(client: FlaskClient, outbox: Outbox, dataset: str) -> None:
    ids = [client.post(REPORTS, json={"dataset": dataset, "group_by": "city"}).get_json()["id"] for _ in range(3)]

    found = client.get(REPORTS, query_string={"limit": 2}).get_json()
    assert ([item["id"] for item in found["items"]], found["total"]) == (ids[:0:-1], len(outbox.tasks))


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("POST", "/cancel"), ("GET", "/result"), ("GET", "/chart.png")]
)
def test_a_report_that_is_not_there_is_not_found(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(f"{REPORTS}/{uuid.uuid4()}{path}", method=method)

    assert response.status_code == 404
    assert "there is no report" in response.get_json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ""), ("GET", ""), ("GET", "/{}"), ("POST", "/{}/cancel"), ("DELETE", "/{}"), ("GET", "/{}/chart.png")],
)
def test_nothing_is_open_without_a_key_for_it(
    client: FlaskClient, make_key: Callable[..., str], method: str, path: str
) -> None:
    address = REPORTS + path.format(uuid.uuid4())
    other = "reports:write" if method == "GET" else "reports:read"
    refused = {"Authorization": f"Bearer {make_key(other)}"}

    assert client.open(address, method=method, headers={"Authorization": ""}).status_code == 401
    assert client.open(address, method=method, headers=refused).status_code == 403
