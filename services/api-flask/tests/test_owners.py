"""A key sees and changes only what its owner's keys made."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from api.crud import resource
from api.datasets import views as datasets
from api.db import transaction
from api.keys import orphans
from api.keys.models import ApiKey
from api.reports import views as reports
from api.reports.models import Report
from api.reports.running import run_report
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tests.conftest import owner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from flask.testing import FlaskClient, FlaskCliRunner
    from sqlalchemy import Engine
    from werkzeug.test import TestResponse

DATASETS, REPORTS, UNITS, LABELS = "/api/v1/datasets", "/api/v1/reports", "/api/v1/units", "/api/v1/labels"
LISTS = (DATASETS, REPORTS, UNITS, LABELS)
JSON_API = "application/vnd.api+json"
METRE = {"symbol": "m", "name": "Metre", "quantity": "length"}


class Holder:
    """The holder of a key."""

    def __init__(self, client: FlaskClient, key: str) -> None:
        self.client, self.key = client, key

    def send(self, method: str, path: str, **options: Any) -> TestResponse:  # noqa: ANN401 - the client's own
        return self.client.open(path, method=method, headers={"Authorization": f"Bearer {self.key}"}, **options)

    def upload(self) -> TestResponse:
        query = {"columns": "city:text,amount:number"}
        return self.send("POST", DATASETS, data=b"city,amount\nRiga,1\n", content_type="text/csv", query_string=query)

    def report(self, dataset: str) -> TestResponse:
        return self.send("POST", REPORTS, json={"dataset": dataset, "group_by": "city"})

    def add(self, path: str, **attributes: Any) -> TestResponse:  # noqa: ANN401 - JSON
        data = {"type": path.rpartition("/")[2], "attributes": attributes}
        return self.send("POST", path, json={"data": data}, content_type=JSON_API)

    def change(self, location: str, **attributes: Any) -> TestResponse:  # noqa: ANN401 - JSON
        type_, row_id = location.split("/")[-2:]
        data = {"type": type_, "id": row_id, "attributes": attributes}
        return self.send("PATCH", location, json={"data": data}, content_type=JSON_API)

    def totals(self) -> list[int]:
        """Return how many datasets, reports, units and labels the key sees."""
        documents = [self.send("GET", path).get_json() for path in LISTS]
        return [each["total"] if "total" in each else each["meta"]["total"] for each in documents]


@pytest.fixture
def holder(client: FlaskClient, make_key: Callable[..., str]) -> Callable[..., Holder]:
    return lambda *scopes, **options: Holder(client, make_key(*scopes, **options))


@pytest.fixture
def ada(holder: Callable[..., Holder]) -> Holder:
    return holder()


@pytest.fixture
def bob(holder: Callable[..., Holder]) -> Holder:
    return holder()


@pytest.fixture
def things(ada: Holder, engine: Engine) -> dict[str, str]:
    """The addresses of a dataset, a finished report, a unit and a label of Ada's."""
    dataset = ada.upload().headers["Location"]
    report = ada.report(dataset.rpartition("/")[2]).headers["Location"]
    run_report(report.rpartition("/")[2], engine)
    unit, label = ada.add(UNITS, **METRE).headers["Location"], ada.add(LABELS, name="tar").headers["Location"]
    return {"dataset": dataset, "report": report, "unit": unit, "label": label}


@pytest.fixture
def command(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


def attacks(things: dict[str, str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the requests that read or change one of Ada's things."""
    for location in things.values():
        yield "GET", location, {}
        yield "DELETE", location, {}
    yield "GET", f"{things['dataset']}/rows", {}
    for part in ("result", "result.csv", "chart.png"):
        yield "GET", f"{things['report']}/{part}", {}
    yield "POST", f"{things['report']}/cancel", {}
    for name in ("unit", "label"):
        type_, row_id = things[name].split("/")[-2:]
        data = {"type": type_, "id": row_id, "attributes": {"name": "mine-now"}}
        yield "PATCH", things[name], {"json": {"data": data}, "content_type": JSON_API}


def test_another_key_neither_sees_nor_changes_anything(ada: Holder, bob: Holder, things: dict[str, str]) -> None:
    answers = {f"{method} {path}": bob.send(method, path, **more) for method, path, more in attacks(things)}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 404)
    assert len(answers) == 15
    assert bob.totals() == [0, 0, 0, 0]
    assert ada.totals() == [1, 1, 1, 1]
    assert ada.send("GET", things["report"]).get_json()["state"] == "succeeded"
    assert ada.send("GET", things["unit"]).get_json()["data"]["attributes"]["name"] == "Metre"


def test_its_answers_are_those_for_a_thing_that_does_not_exist(bob: Holder, things: dict[str, str]) -> None:
    for location in things.values():
        others, row_id = bob.send("GET", location).get_json(), location.rpartition("/")[2]
        nowhere = str(uuid.uuid4())
        nothing = bob.send("GET", location.replace(row_id, nowhere)).get_json()
        assert others["detail"].replace(row_id, nowhere) == nothing["detail"]


def test_another_key_makes_no_report_of_a_dataset(bob: Holder, things: dict[str, str], engine: Engine) -> None:
    response = bob.report(things["dataset"].rpartition("/")[2])

    assert (response.status_code, response.get_json()["field"]) == (422, "dataset")
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Report)) == 1


def test_a_running_report_of_another_key_runs_on(ada: Holder, bob: Holder, things: dict[str, str]) -> None:
    report = ada.report(things["dataset"].rpartition("/")[2]).headers["Location"]

    assert bob.send("POST", f"{report}/cancel").status_code == 404
    assert ada.send("GET", report).get_json()["state"] == "queued"
    assert ada.send("POST", f"{report}/cancel").get_json()["state"] == "cancelled"


def test_the_same_name_may_be_used_by_each_owner_once(ada: Holder, bob: Holder, things: dict[str, str]) -> None:  # noqa: ARG001
    assert bob.add(UNITS, **METRE).status_code == 201
    assert bob.add(LABELS, name="tar").status_code == 201
    for holder in (ada, bob):
        refused = holder.add(UNITS, **METRE)
        assert (refused.status_code, refused.get_json()["field"]) == (409, "data.attributes.symbol")


def test_the_owner_of_a_row_is_neither_told_nor_set(ada: Holder, things: dict[str, str]) -> None:
    assert "owner" not in ada.send("GET", things["unit"]).get_data(as_text=True)
    assert ada.change(things["unit"], owner=str(uuid.uuid4())).status_code == 422
    assert ada.add(LABELS, name="rope", owner=str(uuid.uuid4())).status_code == 422
    assert ada.send("GET", f"{UNITS}?sort=owner").status_code == 422


def test_a_key_that_shares_with_another_takes_its_place(
    ada: Holder, client: FlaskClient, command: FlaskCliRunner, things: dict[str, str]
) -> None:
    arguments = ["keys", "create", "Ada's next", "--scope", "all", "--shares-with", ada.key.split("_")[1]]
    made = command.invoke(args=arguments).output.strip()
    third = command.invoke(args=[*arguments[:-1], made]).output.strip()  # a whole key will do
    command.invoke(args=["keys", "revoke", ada.key.split("_")[1]])

    for key in (made, third):
        assert Holder(client, key).totals() == [1, 1, 1, 1]
    assert Holder(client, third).send("DELETE", things["dataset"]).status_code == 204
    listed = command.invoke(args=["keys", "list"]).output
    assert listed.count(f"(shares with {ada.key.split('_')[1]})") == 2


def test_a_key_shares_with_none_that_does_not_exist(command: FlaskCliRunner) -> None:
    arguments = ["keys", "create", "x", "--scope", "all", "--shares-with", "0123456789ab"]
    result = command.invoke(args=arguments)

    assert result.exit_code == 1
    assert "there is no key '0123456789ab'" in result.output


def forget_owners(engine: Engine) -> None:
    """Make all rows those of a release without owners."""
    with Session(engine) as session, session.begin():
        for table in orphans.OWNED:
            session.execute(update(table).values(owner=None))


@pytest.mark.usefixtures("things")
def test_rows_from_before_there_were_owners_are_no_key_s_until_one_adopts_them(
    ada: Holder, bob: Holder, engine: Engine, command: FlaskCliRunner
) -> None:
    forget_owners(engine)
    assert ada.totals() == bob.totals() == [0, 0, 0, 0]
    bob.add(LABELS, name="tar")

    result = command.invoke(args=["keys", "adopt", bob.key.split("_")[1]])
    assert result.output.splitlines() == ["dataset: 1", "report: 1", "unit: 1", "label: 0"]
    assert bob.totals() == [1, 1, 1, 1]
    assert ada.totals() == [0, 0, 0, 0]


def test_the_release_before_reads_and_writes_on(app: Flask, engine: Engine) -> None:
    # It knows no owners: it leaves the column out, and its names are unique among its own rows.
    insert = "INSERT INTO label (id, name) VALUES (gen_random_uuid(), 'tar')"
    with engine.begin() as connection:
        connection.exec_driver_sql(insert)
    with pytest.raises(Exception, match="uq_label_name"), engine.begin() as connection:
        connection.exec_driver_sql(insert)
    with app.app_context(), transaction() as session:
        assert session.scalar(select(func.count()).select_from(ApiKey)) == 0


def test_nobody_stores_more_than_their_share(
    ada: Holder, bob: Holder, things: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (datasets, reports, resource):
        monkeypatch.setattr(module, "MOST", 1)
    answers = {
        "datasets": ada.upload(),
        "reports": ada.report(things["dataset"].rpartition("/")[2]),
        "units": ada.add(UNITS, symbol="s", name="Second", quantity="time"),
        "labels": ada.add(LABELS, name="rope"),
    }

    for name, answer in answers.items():
        detail = f"the owner of this API key has 1 {name}, the most; remove some first"
        assert (answer.status_code, answer.get_json()["detail"]) == (409, detail)
    assert ada.totals() == [1, 1, 1, 1]
    assert bob.upload().status_code == 201, "each owner has a share of their own"
    ada.send("DELETE", things["unit"])
    assert ada.add(UNITS, **METRE).status_code == 201, "what was removed makes room"


def test_nobody_stores_more_bytes_than_their_share(ada: Holder, bob: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "MOST_BYTES", 30)
    assert ada.upload().status_code == 201

    refused = ada.upload()
    assert refused.status_code == 409
    assert (
        refused.get_json()["detail"]
        == "the owner of this API key may store 11 more bytes in datasets; remove some first"
    )
    assert bob.upload().status_code == 201


def end(engine: Engine, key: str, **values: datetime) -> None:
    with Session(engine) as session, session.begin():
        session.execute(update(ApiKey).where(ApiKey.prefix == key.split("_")[1]).values(**values))


@pytest.mark.usefixtures("things")
def test_a_key_that_ended_long_ago_goes_and_so_do_the_rows_that_only_it_reached(
    ada: Holder, bob: Holder, holder: Callable[..., Holder], engine: Engine
) -> None:
    long_ago, lately = (datetime.now(UTC) - orphans.LIFETIME * times for times in (1.1, 0.9))
    bob.add(LABELS, name="rope")
    heir = holder(owner=owner_of(engine, bob.key))
    end(engine, ada.key, revoked_at=long_ago)
    end(engine, bob.key, expires_at=long_ago)

    def clean() -> tuple[int, int]:
        with Session(engine) as session, session.begin():
            return orphans.remove_ended_keys(session), orphans.remove_unreachable(session)

    assert clean() == (2, 2)
    assert heir.totals() == [0, 0, 0, 1], "a key that shares keeps them"
    end(engine, heir.key, revoked_at=lately)
    assert clean() == (0, 0)
    end(engine, heir.key, revoked_at=long_ago)
    assert clean() == (1, 1)


def test_rows_without_an_owner_are_not_removed_as_nobody_s(ada: Holder, engine: Engine) -> None:
    ada.add(LABELS, name="tar")
    forget_owners(engine)
    with Session(engine) as session, session.begin():
        assert orphans.remove_unreachable(session) == 0


def test_a_dataset_expires_before_the_last_key_of_its_owner_goes() -> None:
    from api.datasets.loading import LIFETIME  # noqa: PLC0415 - only this test

    assert timedelta(days=LIFETIME) < orphans.LIFETIME
