from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from api.app import create_app

if TYPE_CHECKING:
    from api.config import Settings
    from flask.testing import FlaskClient

    from tests.conftest import Results


def test_it_knows_a_task_that_waits(client: FlaskClient, task_id: str, results: Results) -> None:
    assert not results.stored
    response = client.get(f"/api/v1/tasks/{task_id}")

    assert response.status_code == 200
    assert response.get_json() == {"id": task_id, "state": "PENDING", "ready": False, "result": None}


def test_it_hides_what_a_worker_notes_about_a_task_that_runs(
    client: FlaskClient, task_id: str, results: Results
) -> None:
    results.store(task_id, "STARTED", {"pid": 12, "hostname": "celery@worker"})

    document = client.get(f"/api/v1/tasks/{task_id}").get_json()
    assert document == {"id": task_id, "state": "STARTED", "ready": False, "result": None}


@pytest.mark.parametrize("total", [8, 0, 4.5])
def test_it_gives_the_result(client: FlaskClient, task_id: str, results: Results, total: float) -> None:
    results.store(task_id, "SUCCESS", total)

    document = client.get(f"/api/v1/tasks/{task_id}").get_json()
    assert document == {"id": task_id, "state": "SUCCESS", "ready": True, "result": total}


def test_it_names_the_error_of_a_task_that_failed(client: FlaskClient, task_id: str, results: Results) -> None:
    failure = {"exc_type": "OverflowError", "exc_message": ["the password is hunter2"], "exc_module": "builtins"}
    results.store(task_id, "FAILURE", failure)

    document = client.get(f"/api/v1/tasks/{task_id}").get_json()
    assert document == {
        "id": task_id,
        "state": "FAILURE",
        "ready": True,
        "result": None,
        "error": "OverflowError",
    }


def test_it_says_that_a_task_waits_for_another_attempt(client: FlaskClient, task_id: str, results: Results) -> None:
    results.store(task_id, "RETRY", {"exc_type": "OSError", "exc_message": ["no"], "exc_module": "builtins"})

    document = client.get(f"/api/v1/tasks/{task_id}").get_json()
    assert document == {"id": task_id, "state": "RETRY", "ready": False, "result": None}


def test_it_does_not_know_an_id_that_it_never_issued(client: FlaskClient, results: Results) -> None:
    stranger = str(uuid.uuid4())
    results.store(stranger, "SUCCESS", "someone else's")

    response = client.get(f"/api/v1/tasks/{stranger}")
    assert response.status_code == 404
    assert response.get_json()["detail"] == f"there is no task {stranger}"


@pytest.mark.parametrize("malformed", ["4", "x", "00000000-0000-4000-8000-00000000000g", "%00", "a" * 5000])
def test_it_does_not_know_an_id_that_is_none(client: FlaskClient, malformed: str) -> None:
    response = client.get(f"/api/v1/tasks/{malformed}")

    assert response.status_code == 404
    assert response.get_json()["title"] == "Not Found"


def test_it_must_not_be_cached(client: FlaskClient, task_id: str, results: Results) -> None:
    results.store(task_id, "SUCCESS", 8)

    assert client.get(f"/api/v1/tasks/{task_id}").headers["Cache-Control"] == "no-store"


def test_it_says_that_redis_is_away(client: FlaskClient, task_id: str) -> None:
    response = client.get(f"/api/v1/tasks/{task_id}")

    assert response.status_code == 503
    assert "redis" in response.get_json()["detail"]
    assert int(response.headers["Retry-After"]) > 0


def test_it_says_that_postgres_is_away(settings: Settings) -> None:
    response = create_app(settings).test_client().get(f"/api/v1/tasks/{uuid.uuid4()}")

    assert response.status_code == 503
    assert "postgres" in response.get_json()["detail"]
