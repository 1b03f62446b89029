"""Seeing durable tasks: the admin, one command, metrics, Flower, and the API when Redis has forgotten."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.support.outbox import query, state
from tests.support.site import Site
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.stack import Stack

#: A dead letter as a worker leaves it: an addition whose second number was forgotten.
DEAD = """
    INSERT INTO outbox.task (id, name, engine, queue, headers, properties, body, ordered, published_at, dead_at, error)
    SELECT '{new}', name, engine, queue, replace(headers::text, '{old}', '{new}')::jsonb,
        replace(properties::text, '{old}', '{new}')::jsonb, body, ordered, now(), now(), 'Traceback: no such boat {new}'
    FROM outbox.task WHERE id = '{old}'
"""


def send(site: Site) -> str:
    """Have two numbers added, and return the task's id once that is done."""
    location = site.send_task(3, 4).headers["Location"]
    wait_until(lambda: site.result(location) == 7, 30, "a sum")
    return location.rpartition("/")[2]


@pytest.fixture
def dead_letter(stack: Stack, site: Site) -> str:
    """The id of a dead letter."""
    old, new = send(site), str(uuid4())
    query(stack, DEAD.format(old=old, new=new))
    return new


def dead(stack: Stack, *arguments: str) -> str:
    return stack.execute("relay", "python", "-m", "landfast_outbox", "dead", *arguments)


def test_flower_and_the_console_show_the_id_that_the_api_gave(operator: Site) -> None:
    task = send(operator)
    found = wait_until(lambda: operator.get("/flower/api/tasks").json().get(task), 20, "the task in Flower")
    assert found["uuid"] == task
    page = operator.get(f"/console/outbox/task/{task}/change/")
    assert page.status_code == 200
    assert "tasks.arithmetic.add" in page.text


def test_the_console_redrives_a_dead_letter(stack: Stack, operator: Site, dead_letter: str) -> None:
    fields = {"action": "redrive", "_selected_action": dead_letter}
    assert operator.submit(f"/console/outbox/task/?state=dead&q={dead_letter}", fields).status_code == 302
    wait_until(lambda: state(stack, dead_letter) == "done", 30, "the dead letter to be done")


def test_the_command_lists_shows_and_redrives_dead_letters(stack: Stack, dead_letter: str) -> None:
    assert dead_letter in dead(stack, "list", "--error", dead_letter)
    assert f"no such boat {dead_letter}" in dead(stack, "show", dead_letter)
    refused = stack.compose(
        "exec", "--no-TTY", "relay", "python", "-m", "landfast_outbox", "dead", "redrive", check=False
    )
    assert refused.returncode == 2
    assert dead(stack, "redrive", "--name=arithmetic", "--error", dead_letter).strip() == "1 re-driven"
    wait_until(lambda: state(stack, dead_letter) == "done", 30, "the dead letter to be done")


def test_the_relay_tells_prometheus_how_tasks_stand(stack: Stack, site: Site) -> None:
    send(site)
    page = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9100/metrics').read().decode())"
    metrics = stack.execute("relay", "python", "-c", page)
    lines = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line and not line.startswith("#"))
    assert float(lines['outbox_published_total{database="landfast"}']) >= 1
    assert float(lines['outbox_tasks{database="landfast",state="done"}']) >= 1
    assert float(lines['outbox_publish_delay_seconds_count{database="landfast"}']) >= 1


def test_a_result_outlives_redis(ready: Stack, site: Site) -> None:
    task = send(site)
    ready.compose("stop", "redis")
    document = site.get(f"/api/v1/tasks/{task}").json()
    assert document == {"id": task, "state": "SUCCESS", "ready": True, "result": 7}


def test_a_task_for_dramatiq_waits_until_its_worker_runs(lengthy: Stack) -> None:
    site = Site(lengthy.http_url)
    lengthy.stop("worker-dramatiq")
    try:
        response = site.post("/api/v1/tasks/add?engine=dramatiq", json={"x": 3, "y": 4})
        assert response.status_code == 202
        location = response.headers["Location"]
        assert json.loads(site.get(location).text)["state"] == "PENDING"
    finally:
        lengthy.start("worker-dramatiq")

    wait_until(lambda: site.result(location) == 7, 60, lambda: f"a sum: {site.get(location).text}")
    assert site.get(location).json()["state"] == "SUCCESS"


@pytest.mark.parametrize("engine", ["dramatiq", "rq"])
def test_no_task_is_taken_for_an_engine_that_is_no_part_of_the_stack(stack: Stack, site: Site, engine: str) -> None:
    response = site.post(f"/api/v1/tasks/add?engine={engine}", json={"x": 3, "y": 4})

    assert (response.status_code, response.headers["Content-Type"]) == (422, "application/problem+json")
    assert response.json()["field"] == "engine"
    assert query(stack, "SELECT DISTINCT engine FROM outbox.task") in ([], [["celery"]])
