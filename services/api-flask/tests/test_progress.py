from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from api.app import create_app
from sqlalchemy import text

if TYPE_CHECKING:
    from api.config import Settings
    from flask.testing import FlaskClient
    from sqlalchemy import Engine

    from tests.conftest import Results


def test_it_knows_a_task_that_waits(client: FlaskClient, task_id: str, results: Results) -> None:
    assert not results.stored
    response = client.get(f"/api/v1/tasks/{task_id}")

    assert response.status_code == 200
    assert response.get_json() == {"id": task_id, "state": "PENDING", "ready": False, "result": None}


def change(engine: Engine, task_id: str, changes: str, **values: object) -> None:
    """Change the task's row as workers and relays do."""
    with engine.begin() as connection:
        query = text(f"UPDATE outbox.task SET {changes} WHERE id = :id")  # noqa: S608 - the test's own SQL
        connection.execute(query, {"id": task_id, **values})


@pytest.fixture
def purged_id(task_id: str, engine: Engine) -> str:
    """The id of a task whose row has been deleted."""
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM outbox.task WHERE id = :id"), {"id": task_id})
    return task_id


def test_it_hides_what_a_worker_notes_about_a_task_that_runs(
    client: FlaskClient, task_id: str, results: Results
) -> None:
    results.store(task_id, "STARTED", {"pid": 12, "hostname": "celery@worker"})

    document = client.get(f"/api/v1/tasks/{task_id}").get_json()
    assert document == {"id": task_id, "state": "STARTED", "ready": False, "result": None}


@pytest.mark.parametrize("total", [8, 0, 4.5])
def test_it_gives_the_result_though_redis_is_away(
    client: FlaskClient, task_id: str, engine: Engine, total: float
) -> None:
    change(engine, task_id, "completed_at = now(), result = :result", result=str(total))

    document = client.get(f"/api/v1/tasks/{task_id}").get_json()
    assert document == {"id": task_id, "state": "SUCCESS", "ready": True, "result": total}


@pytest.mark.parametrize("total", [8, 0, 4.5])
def test_it_gives_a_result_that_only_redis_remembers(
    client: FlaskClient, purged_id: str, results: Results, total: float
) -> None:
    results.store(purged_id, "SUCCESS", total)

    document = client.get(f"/api/v1/tasks/{purged_id}").get_json()
    assert document == {"id": purged_id, "state": "SUCCESS", "ready": True, "result": total}


def test_it_names_the_error_that_only_redis_remembers(client: FlaskClient, purged_id: str, results: Results) -> None:
    results.store(purged_id, "FAILURE", {"exc_type": "OSError", "exc_message": ["secret"], "exc_module": "builtins"})

    document = client.get(f"/api/v1/tasks/{purged_id}").get_json()
    assert document == {"id": purged_id, "state": "FAILURE", "ready": True, "result": None, "error": "OSError"}


def test_it_calls_done_what_nobody_remembers(client: FlaskClient, purged_id: str, results: Results) -> None:
    assert not results.stored
    document = client.get(f"/api/v1/tasks/{purged_id}").get_json()
    assert document == {"id": purged_id, "state": "SUCCESS", "ready": True, "result": None}


FRAME = 'Traceback (most recent call last):\n  File "x.py", line 1, in add\n    return x + y\n'


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FRAME + "OverflowError: the password is hunter2", "OverflowError"),
        (FRAME + "psycopg.errors.DeadlockDetected: one\ntwo: three\n", "DeadlockDetected"),
        (FRAME + "KeyboardInterrupt", "KeyboardInterrupt"),
        ("its worker died 5 times while it ran", "DeadLetter"),
    ],
)
def test_it_names_the_error_of_a_dead_letter(
    client: FlaskClient, task_id: str, engine: Engine, error: str, kind: str
) -> None:
    change(engine, task_id, "dead_at = now(), error = :error", error=error)

    document = client.get(f"/api/v1/tasks/{task_id}").get_json()
    assert document == {"id": task_id, "state": "FAILURE", "ready": True, "result": None, "error": kind}


def test_it_says_that_a_dead_letter_got_another_chance(client: FlaskClient, task_id: str, results: Results) -> None:
    results.store(task_id, "FAILURE", {"exc_type": "OSError", "exc_message": ["no"], "exc_module": "builtins"})

    document = client.get(f"/api/v1/tasks/{task_id}").get_json()
    assert document == {"id": task_id, "state": "PENDING", "ready": False, "result": None}


def test_it_says_that_a_task_waits_for_another_attempt(client: FlaskClient, task_id: str, engine: Engine) -> None:
    change(engine, task_id, "retries = 1, error = 'OSError()'")

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


def test_it_must_not_be_cached(client: FlaskClient, task_id: str) -> None:
    assert client.get(f"/api/v1/tasks/{task_id}").headers["Cache-Control"] == "no-store"


def test_it_says_that_redis_is_away_when_nobody_else_knows(client: FlaskClient, purged_id: str) -> None:
    response = client.get(f"/api/v1/tasks/{purged_id}")

    assert response.status_code == 503
    assert "redis" in response.get_json()["detail"]
    assert int(response.headers["Retry-After"]) > 0


def test_it_says_that_postgres_is_away(settings: Settings) -> None:
    response = create_app(settings).test_client().get(f"/api/v1/tasks/{uuid.uuid4()}")

    assert response.status_code == 503
    assert "postgres" in response.get_json()["detail"]
