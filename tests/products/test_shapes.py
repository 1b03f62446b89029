"""Rooms of other shapes: a worker on eventlet, a queue with priorities, several processes, a foreign image."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.conftest import log_in_to_console
from tests.products.conftest import ROOMS
from tests.support.forms import wait_ready
from tests.support.products import FILLED
from tests.support.site import TIMEOUT, Site
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from tests.support.stack import Stack

#: The processes of the room with several.
PARTS = ("parts", "parts-worker", "parts-beat", "parts-watch")
#: The file without which one of them is unhealthy.
WELL = "/tmp/well"  # noqa: S108 - in a container
#: Tasks that wait for each other: far more than the worker has processes.
MEETING = 40
#: Seconds for a task that waits for nothing.
SOON = 60


def python(stack: Stack, service: str, code: str) -> str:
    """Run Python in a container with the tasks and the variables of its room, and return the last line it printed."""
    return stack.execute(service, *FILLED, "python", "-c", f"import tasks\n{code}").strip().rpartition("\n")[2]


def listed(stack: Stack, service: str, name: str) -> list[str]:
    """Return a list of the room in Redis."""
    words: list[str] = json.loads(
        python(stack, service, f"import json; print(json.dumps(tasks.redis().lrange(tasks.key({name!r}), 0, -1)))")
    )
    return words


def page(stack: Stack, room: str) -> dict[str, Any]:
    """Return the page of a room."""
    answer = requests.get(stack.http_url, headers={"Host": f"{room}.localhost"}, timeout=PATIENCE * TIMEOUT)
    found: dict[str, Any] = answer.json()
    return found


def test_all_are_ready(shapes: Stack) -> None:
    house = {"postgres", "redis", "redis-cache", "rabbitmq", "relay", "outbox"}

    report = wait_ready(shapes)

    assert report["status"] == "ready"
    assert set(report["dependencies"]) == house | set(ROOMS) | {"parts-worker"}


def test_tasks_on_eventlet_wait_for_each_other_in_one_process(shapes: Stack) -> None:
    send = f"sent = [tasks.meet.delay('met', {MEETING}) for _ in range({MEETING})]"
    met = python(shapes, "eventlet", f"{send}\nprint({{each.get(timeout=tasks.PATIENCE) for each in sent}})")
    pool = python(shapes, "eventlet", "print([each['pool'] for each in tasks.app.control.inspect().stats().values()])")

    assert met == f"{{{MEETING}}}"
    assert "eventlet" in pool


def test_an_operator_sees_the_worker_on_eventlet_in_its_flower(shapes: Stack) -> None:
    operator = log_in_to_console(shapes, Site(shapes.http_url))

    def seen() -> dict[str, Any]:
        found: dict[str, Any] = operator.get("/flower/vhost/eventlet/api/workers", params={"refresh": "1"}).json()
        return found

    wait_until(lambda: len(seen()) == 1, SOON, lambda: f"one worker: {seen()}")


def test_a_worker_on_eventlet_lets_its_task_end_when_it_is_asked_to_stop(shapes: Stack) -> None:
    sent = python(shapes, "eventlet", "print(tasks.wait.delay('stop').id)")
    wait_until(lambda: listed(shapes, "eventlet", "stop-begun"), SOON, "the task to begin")
    with ThreadPoolExecutor(1) as operator:
        stopping = operator.submit(shapes.stop, "eventlet")
        wait_until(lambda: "Warm shutdown" in shapes.logs("eventlet"), SOON, "the worker to take nothing new")
        python(shapes, "eventlet", "tasks.redis().rpush(tasks.key('stop'), 'done')")
        stopping.result()
    ended = shapes.inspect("eventlet")["State"]["ExitCode"]
    shapes.start("eventlet")

    assert ended == 0, "it was killed"
    result = f"print(tasks.app.AsyncResult({sent!r}).get(timeout=tasks.PATIENCE))"
    assert python(shapes, "eventlet", result) == "done"


def test_a_worker_on_eventlet_goes_on_after_a_restart_of_the_broker(shapes: Stack) -> None:
    shapes.stop("rabbitmq")
    shapes.start("rabbitmq")

    wait_ready(shapes)
    assert python(shapes, "eventlet", "print(tasks.add.delay(4, 4).get(timeout=tasks.PATIENCE))") == "8"


def test_the_tasks_of_a_queue_with_priorities_come_in_their_order(shapes: Stack) -> None:
    python(shapes, "priorities", "tasks.wait.delay('gate')")
    wait_until(lambda: listed(shapes, "priorities", "gate-begun"), SOON, "the worker to be busy")
    sent = "[tasks.note.apply_async(('order', str(each)), priority=each) for each in (1, 5, 9, 5, 1)]"
    python(shapes, "priorities", f"{sent}\ntasks.redis().rpush(tasks.key('gate'), 'open')")

    wait_until(lambda: len(listed(shapes, "priorities", "order")) == 5, SOON, "all tasks to be done")

    assert listed(shapes, "priorities", "order") == ["9", "5", "5", "1", "1"]


def test_a_vhost_of_the_other_type_has_no_queue_with_priorities(shapes: Stack) -> None:
    """The reason for `queue_type: classic` in its contract."""
    argument = "{'x-max-priority': 10, 'x-queue-type': 'quorum'}"
    code = f"""
from kombu import Queue
try:
    with tasks.app.connection() as connection:
        Queue('refused', durable=True, queue_arguments={argument}).bind(connection.default_channel).declare()
except Exception as error:
    print(str(error).replace(chr(10), ' '))
"""
    assert "x-max-priority" in python(shapes, "priorities", code)


def test_beat_sends_tasks_and_the_worker_runs_them(shapes: Stack) -> None:
    def ticks() -> int:
        return int(python(shapes, "parts-worker", "print(tasks.redis().get(tasks.key('ticks')) or 0)"))

    before = ticks()
    wait_until(lambda: ticks() > before, SOON, "a task of beat's to be done")


def test_each_process_has_a_health_of_its_own(shapes: Stack) -> None:
    def states() -> dict[str, str]:
        return {each.service: each.status for each in shapes.containers() if each.service in PARTS}

    well = dict.fromkeys(PARTS, "healthy")
    wait_until(lambda: states() == well, SOON, lambda: f"all to be healthy: {states()}")
    assert len({str(shapes.inspect(each)["Config"]["Healthcheck"]["Test"]) for each in PARTS}) == len(PARTS)

    shapes.execute("parts-watch", "rm", WELL)
    try:
        wait_until(
            lambda: states() == {**well, "parts-watch": "unhealthy"},
            SOON,
            lambda: f"only one to be unhealthy: {states()}",
        )
        assert page(shapes, "parts")["user"] != 0
    finally:
        shapes.execute("parts-watch", "touch", WELL)
    wait_until(lambda: states() == well, SOON, lambda: f"all to be healthy again: {states()}")


def test_a_foreign_image_with_another_python_has_its_page_its_variables_and_its_database(shapes: Stack) -> None:
    found = page(shapes, "foreign")
    own = page(shapes, "parts")

    assert found["python"].rpartition(".")[0] == "3.11"
    assert own["python"].rpartition(".")[0] == "3.13"
    assert found["user"] == 10104
    assert {"DATABASE_URL", "SITE_URL"} <= set(found["given"])
    assert found["reached"] == {"DATABASE_URL": True}


def test_a_foreign_image_has_periodic_commands(shapes: Stack) -> None:
    def ran() -> list[str]:
        return shapes.execute("foreign-periodic", "sh", "-c", "cat /tmp/ran 2>/dev/null || true").splitlines()

    wait_until(lambda: len(ran()) > 1, SOON, "two runs")

    assert set(ran()) == {f"http://foreign.localhost:{shapes.ports.http}"}


@pytest.mark.parametrize("room", ["eventlet", "priorities", "parts"])
def test_a_stock_worker_reaches_no_other_room(shapes: Stack, room: str) -> None:
    service = "parts-worker" if room == "parts" else room
    others = " || ".join(f"getent hosts {name}" for name in (*ROOMS, "console", "relay") if name != room)

    assert shapes.execute(service, "sh", "-c", f"{others} || echo nobody").strip() == "nobody"
