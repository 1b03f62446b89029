from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from api.idempotency.models import StoredAnswer
from api.idempotency.replay import remove_expired
from api.models import Task
from landfast_outbox import store
from landfast_testing.waiting import DEADLINE
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask import Flask
    from flask.testing import FlaskClient
    from landfast_outbox.task import NewTask
    from landfast_testing.outbox import Outbox
    from sqlalchemy import Engine
    from werkzeug.test import TestResponse


ADD = "/api/v1/tasks/add"
NUMBERS = {"x": 4, "y": 4}


def add(client: FlaskClient, key: str, numbers: Any = None, path: str = ADD) -> TestResponse:  # noqa: ANN401 - JSON
    return client.post(path, json=numbers or NUMBERS, headers={"Idempotency-Key": key})


def count(engine: Engine, table: type[Task | StoredAnswer]) -> int | None:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(table))


def test_a_repeated_request_has_the_first_answer_and_no_effect(
    client: FlaskClient, outbox: Outbox, engine: Engine
) -> None:
    first, second = add(client, "one"), add(client, "one")

    assert (second.status_code, second.data) == (first.status_code, first.data) == (202, first.data)
    assert second.headers["Location"] == first.headers["Location"]
    assert second.content_type == first.content_type
    assert ("Idempotent-Replayed" in first.headers, second.headers["Idempotent-Replayed"]) == (False, "true")
    assert len(outbox.tasks) == 1
    assert count(engine, Task) == 1


def test_another_request_under_the_same_key_is_refused(client: FlaskClient, outbox: Outbox) -> None:
    add(client, "one")
    response = add(client, "one", {"x": 5, "y": 5})

    assert (response.status_code, response.get_json()["field"]) == (422, "Idempotency-Key")
    assert len(outbox.tasks) == 1


def test_other_keys_are_other_requests(client: FlaskClient, outbox: Outbox) -> None:
    assert add(client, "one").get_json()["id"] != add(client, "two").get_json()["id"]
    assert len(outbox.tasks) == 2


def test_no_two_callers_share_a_key(client: FlaskClient, make_key: Callable[..., str]) -> None:
    body = {"data": {"type": "labels", "attributes": {"name": "tar"}}}

    def create(key: str) -> TestResponse:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "one", "Content-Type": JSON_API}
        return client.post("/api/v1/labels", json=body, headers=headers)

    mine, yours = make_key(), make_key()
    assert create(mine).status_code == 201
    assert create(mine).status_code == 201
    assert create(yours).status_code == 201, "this is another request"


JSON_API = "application/vnd.api+json"


def test_a_request_that_failed_may_be_tried_again(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise psycopg.OperationalError("the server closed the connection")

    with monkeypatch.context() as away:
        away.setattr("landfast_outbox.writing.store.insert", fail)
        response = add(client, "one")
    assert response.status_code == 503
    assert response.get_json()["detail"].startswith("postgres ")
    assert (count(engine, Task), count(engine, StoredAnswer)) == (0, 0)

    assert add(client, "one").status_code == 202
    assert (count(engine, Task), count(engine, StoredAnswer)) == (1, 1)


def test_while_the_first_request_runs_a_second_one_is_told_to_wait(
    app: Flask, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, finish = threading.Event(), threading.Event()
    insert = store.insert

    def wait(cursor: store.Cursor, tasks: Sequence[NewTask]) -> None:
        running.set()
        assert finish.wait(DEADLINE)
        insert(cursor, tasks)

    monkeypatch.setattr("landfast_outbox.writing.store.insert", wait)
    first: list[TestResponse] = []
    thread = threading.Thread(target=lambda: first.append(add(app.test_client(), "one")))
    thread.start()
    try:
        assert running.wait(DEADLINE)
        second = add(app.test_client(), "one")
    finally:
        finish.set()
        thread.join()

    assert (second.status_code, second.headers["Retry-After"]) == (409, "1")
    assert first[0].status_code == 202
    assert len(outbox.tasks) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\xe4"])
def test_a_key_must_be_plain(client: FlaskClient, outbox: Outbox, key: str) -> None:
    response = add(client, key)

    assert (response.status_code, response.get_json()["field"]) == (400, "Idempotency-Key")
    assert not outbox.tasks


def test_a_key_is_forgotten_after_a_day(client: FlaskClient, outbox: Outbox, engine: Engine) -> None:
    first = add(client, "one")
    with Session(engine) as session, session.begin():
        session.execute(update(StoredAnswer).values(expires_at=datetime.now(UTC)))

    assert add(client, "one", {"x": 5, "y": 5}).get_json()["id"] != first.get_json()["id"]
    assert len(outbox.tasks) == 2
    assert count(engine, StoredAnswer) == 1


def test_old_answers_go_when_new_ones_come(client: FlaskClient, engine: Engine) -> None:
    for key in ("one", "two"):
        add(client, key)
    with Session(engine) as session, session.begin():
        session.execute(update(StoredAnswer).values(expires_at=datetime.now(UTC)))
    add(client, "three")

    with Session(engine) as session, session.begin():
        assert session.scalars(select(StoredAnswer.key)).all() == ["three"]
        assert remove_expired(session, at_most=10) == 0
