from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import amqp.exceptions
import pytest
from api.app import create_app
from api.models import Task
from api.routes.fields import LARGEST
from api.routes.operation import MAX_BODY
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from api.config import Settings
    from flask.testing import FlaskClient
    from sqlalchemy import Engine

    from tests.conftest import Broker

ADD = "/api/v1/tasks/add"


def issued(engine: Engine) -> list[Task]:
    with Session(engine) as session:
        return session.query(Task).all()


def test_it_hands_the_numbers_to_a_worker(client: FlaskClient, broker: Broker) -> None:
    response = client.post(ADD, json={"x": 4, "y": 0.5})

    assert response.status_code == 202
    [message] = broker.published
    assert message["task"] == "tasks.arithmetic.add"
    assert message["arguments"] == [4, 0.5]
    assert response.json == {"id": message["id"], "state": "PENDING", "ready": False, "result": None}


def test_it_says_where_the_result_will_be(client: FlaskClient, broker: Broker) -> None:
    response = client.post(ADD, json={"x": 4, "y": 4}, headers={"Host": "elsewhere.example"})

    [message] = broker.published
    assert response.headers["Location"] == f"/api/v1/tasks/{message['id']}"


def test_it_records_the_id_that_it_issues(client: FlaskClient, broker: Broker, engine: Engine) -> None:
    client.post(ADD, json={"x": 4, "y": 4})

    [task], [message] = issued(engine), broker.published
    assert task.id == uuid.UUID(message["id"])
    assert task.name == "tasks.arithmetic.add"
    assert task.created_at is not None


def test_it_hands_the_request_id_on_to_the_task(client: FlaskClient, broker: Broker) -> None:
    client.post(ADD, json={"x": 4, "y": 4}, headers={"X-Request-ID": "request-0001"})

    assert broker.published[0]["request_id"] == "request-0001"


@pytest.mark.parametrize("number", [0, -3, 0.25, LARGEST, -LARGEST, 1e-300])
def test_it_takes_any_number_that_json_keeps_exact(client: FlaskClient, broker: Broker, number: float) -> None:
    assert client.post(ADD, json={"x": number, "y": 1}).status_code == 202
    assert broker.published[0]["arguments"] == [number, 1]


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
def test_it_names_the_field_that_is_wrong(client: FlaskClient, broker: Broker, body: str, field: str) -> None:
    response = client.post(ADD, data=body, content_type="application/json")

    assert response.status_code == 422
    document: dict[str, Any] = response.get_json()
    assert document["field"] == field
    assert repr(field) in document["detail"]
    assert not broker.published


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


def test_it_issues_no_id_while_rabbitmq_is_away(client: FlaskClient, engine: Engine) -> None:
    response = client.post(ADD, json={"x": 4, "y": 4})

    assert response.status_code == 503
    assert "rabbitmq" in response.get_json()["detail"]
    assert int(response.headers["Retry-After"]) > 0
    assert issued(engine) == []


def test_it_issues_no_id_when_rabbitmq_refuses_the_task(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise amqp.exceptions.MessageNacked

    monkeypatch.setattr("kombu.Producer.publish", refuse)
    response = client.post(ADD, json={"x": 4, "y": 4})

    assert response.status_code == 503
    assert "rabbitmq" in response.get_json()["detail"]
    assert issued(engine) == []


def test_it_publishes_nothing_while_postgres_is_away(settings: Settings, broker: Broker) -> None:
    response = create_app(settings).test_client().post(ADD, json={"x": 4, "y": 4})

    assert response.status_code == 503
    assert "postgres" in response.get_json()["detail"]
    assert int(response.headers["Retry-After"]) > 0
    assert not broker.published
