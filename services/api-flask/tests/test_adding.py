from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from api.app import create_app
from api.models import Task
from api.routes.fields import LARGEST
from api.routes.operation import MAX_BODY
from api.tasks import waiting
from sqlalchemy import text
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from api.config import Settings
    from flask.testing import FlaskClient
    from landfast_testing.outbox import Outbox
    from sqlalchemy import Engine

ADD = "/api/v1/tasks/add"


def issued(engine: Engine) -> list[Task]:
    with Session(engine) as session:
        return session.query(Task).all()


def test_it_hands_the_numbers_to_a_worker(client: FlaskClient, outbox: Outbox) -> None:
    response = client.post(ADD, json={"x": 4, "y": 0.5})

    assert response.status_code == 202
    [sent] = outbox.tasks
    assert sent.name == "tasks.arithmetic.add"
    assert sent.arguments == [4, 0.5]
    assert response.json == {"id": sent.id, "state": "PENDING", "ready": False, "result": None}


def test_it_says_where_the_result_will_be(client: FlaskClient, outbox: Outbox) -> None:
    response = client.post(ADD, json={"x": 4, "y": 4}, headers={"Host": "elsewhere.example"})

    [sent] = outbox.tasks
    assert response.headers["Location"] == f"/api/v1/tasks/{sent.id}"


def test_it_records_the_id_that_it_issues(client: FlaskClient, outbox: Outbox, engine: Engine) -> None:
    client.post(ADD, json={"x": 4, "y": 4})

    [task], [sent] = issued(engine), outbox.tasks
    assert task.id == uuid.UUID(sent.id)
    assert task.name == "tasks.arithmetic.add"
    assert task.created_at is not None


def test_it_hands_the_request_id_on_to_the_task(client: FlaskClient, outbox: Outbox) -> None:
    client.post(ADD, json={"x": 4, "y": 4}, headers={"X-Request-ID": "request-0001"})

    assert outbox.tasks[0].headers["request_id"] == "request-0001"


@pytest.mark.parametrize("number", [0, -3, 0.25, LARGEST, -LARGEST, 1e-300])
def test_it_takes_any_number_that_json_keeps_exact(client: FlaskClient, outbox: Outbox, number: float) -> None:
    assert client.post(ADD, json={"x": number, "y": 1}).status_code == 202
    assert outbox.tasks[0].arguments == [number, 1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"y": 4}', "x"),
        ('{"x": 4}', "y"),
        ('{"x": "4", "y": 4}', "x"),
        ('{"x": 4, "y": null}', "y"),
        ('{"x": true, "y": 4}', "x"),
        ('{"x": 4, "y": [4]}', "y"),
        ('{"x": NaN, "y": 4}', "x"),
        ('{"x": 4, "y": -Infinity}', "y"),
        ('{"x": 1e999, "y": 4}', "x"),
        ('{"x": 9007199254740992, "y": 4}', "x"),
        ('{"x": 4, "y": 4, "z": 4}', "z"),
    ],
)
def test_it_names_the_field_that_is_wrong(client: FlaskClient, outbox: Outbox, body: str, field: str) -> None:
    response = client.post(ADD, data=body, content_type="application/json")

    assert response.status_code == 422
    document: dict[str, Any] = response.get_json()
    assert document["field"] == field
    assert repr(field) in document["detail"]
    assert not outbox.tasks


@pytest.mark.parametrize("body", ["[4, 4]", "4", "null", '"x"'])
def test_it_wants_an_object(client: FlaskClient, body: str) -> None:
    response = client.post(ADD, data=body, content_type="application/json")

    assert response.status_code == 422
    assert response.get_json()["detail"] == "the body must be a JSON object"


@pytest.mark.parametrize("body", [b"", b"{", b"{'x': 4}", b"\xff\xfe", b"[" * 10_000, b'{"x": ' + b"9" * 5000 + b"}"])
def test_it_refuses_what_is_no_json(client: FlaskClient, body: bytes) -> None:
    response = client.post(ADD, data=body, content_type="application/json")

    assert response.status_code == 400
    assert response.get_json()["title"] == "Bad Request"


def test_it_wants_the_content_type_of_json(client: FlaskClient) -> None:
    response = client.post(ADD, data={"x": "4", "y": "4"})

    assert response.status_code == 415
    assert response.get_json()["detail"] == "the Content-Type must be application/json"


def test_it_refuses_a_body_that_is_too_large(client: FlaskClient) -> None:
    response = client.post(ADD, data=b" " * (MAX_BODY + 1), content_type="application/json")

    assert response.status_code == 413
    assert response.get_json()["status"] == 413


def test_it_needs_no_rabbitmq(client: FlaskClient, engine: Engine, outbox: Outbox) -> None:
    response = client.post(ADD, json={"x": 4, "y": 4})

    assert response.status_code == 202, "nobody listens where RabbitMQ would be"
    assert [str(task.id) for task in issued(engine)] == [task.id for task in outbox.tasks] == [response.json["id"]]  # type: ignore[index]


def test_it_issues_no_id_of_a_task_that_was_not_written(
    client: FlaskClient, engine: Engine, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("the server closed the connection")

    monkeypatch.setattr("landfast_outbox.writing.store.insert", refuse)
    response = client.post(ADD, json={"x": 4, "y": 4})

    assert response.status_code == 503
    assert "postgres" in response.get_json()["detail"]
    assert int(response.headers["Retry-After"]) > 0
    assert (issued(engine), outbox.tasks) == ([], [])


def test_it_says_that_the_disk_is_full_and_not_that_nobody_answers(
    client: FlaskClient,
    engine: Engine,
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise psycopg.errors.DiskFull('could not extend file "base/1": No space left on device')

    monkeypatch.setattr("landfast_outbox.writing.store.insert", refuse)
    response = client.post(ADD, json={"x": 4, "y": 4})

    assert response.status_code == 503
    detail = response.get_json()["detail"]
    assert detail == "the disk of postgres is full: nothing was stored; try again once there is room"
    assert int(response.headers["Retry-After"]) > 0
    assert (issued(engine), outbox.tasks) == ([], [])
    assert [record.levelname for record in caplog.records if "disk of postgres" in record.getMessage()] == ["ERROR"]


def test_it_writes_nothing_while_postgres_is_away(settings: Settings, outbox: Outbox) -> None:
    response = create_app(settings).test_client().post(ADD, json={"x": 4, "y": 4})

    assert response.status_code == 503
    assert "postgres" in response.get_json()["detail"]
    assert int(response.headers["Retry-After"]) > 0
    assert not outbox.tasks


def test_it_hands_the_numbers_to_the_worker_of_another_framework(client: FlaskClient, engine: Engine) -> None:
    response = client.post(f"{ADD}?engine=dramatiq", json={"x": 4, "y": 0.5}, headers={"X-Request-ID": "request-0002"})

    assert response.status_code == 202
    with engine.connect() as connection:
        [row] = connection.execute(text("SELECT id::text, name, engine, queue, body FROM outbox.task")).all()
    assert row[:4] == (response.get_json()["id"], "tasks.arithmetic.add", "dramatiq", "tasks-dramatiq")
    message = json.loads(row.body)
    assert (message["actor_name"], message["args"], message["kwargs"]) == ("tasks.arithmetic.add", [4, 0.5], {})
    assert message["options"] == {"request_id": "request-0002"}
    assert [task.id for task in issued(engine)] == [uuid.UUID(row.id)]
    assert client.get(response.headers["Location"]).get_json()["state"] == "PENDING"


def test_no_task_waits_for_a_worker_that_is_no_part_of_the_stack(
    settings: Settings, engine: Engine, outbox: Outbox
) -> None:
    client = create_app(replace(settings, dramatiq=False), engine).test_client()
    response = client.post(f"{ADD}?engine=dramatiq", json={"x": 4, "y": 4})

    assert (response.status_code, response.get_json()["field"]) == (422, "engine")
    assert (issued(engine), outbox.tasks) == ([], [])
    assert client.post(ADD, json={"x": 4, "y": 4}).status_code == 202


@pytest.mark.parametrize("query", ["", "engine=dramatiq"])
def test_a_stranger_adds_nothing_to_a_long_backlog(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(waiting, "MOST", 3)
    answers = [client.post(f"{ADD}?{query}", json={"x": 4, "y": 4}) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202, 202, 202, 503]
    assert answers[3].get_json()["detail"].startswith("3 tasks wait already")
    assert int(answers[3].headers["Retry-After"]) > 0
    assert len(issued(engine)) == 3
    with engine.begin() as connection:  # published tasks wait, too; only one that has ended makes room
        connection.execute(text("UPDATE outbox.task SET published_at = now()"))
    assert client.post(f"{ADD}?{query}", json={"x": 4, "y": 4}).status_code == 503
    with engine.begin() as connection:
        connection.execute(text("UPDATE outbox.task SET completed_at = now()"))
    assert client.post(f"{ADD}?{query}", json={"x": 4, "y": 4}).status_code == 202


@pytest.mark.parametrize("query", ["engine=rq", "engine=", "engine=celery&engine=rq", "motor=celery"])
def test_it_refuses_an_engine_that_it_does_not_know(client: FlaskClient, outbox: Outbox, query: str) -> None:
    response = client.post(f"{ADD}?{query}", json={"x": 4, "y": 4})

    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    assert outbox.tasks == []
