"""Flower for an application's own vhost: behind the same login, beside that of durable tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import requests

from tests.conftest import log_in_to_console
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.site import Site
    from tests.support.stack import Stack

FLOWER = "/flower/vhost/stub/"

#: Tells of a task as a worker of Celery's would, with the stub's own user.
EVENT = """
import json, os, time
from urllib.parse import unquote, urlsplit
from amqp import Connection, Message
url = urlsplit(os.environ["BROKER_URL"])
event = {{"type": "task-received", "uuid": "{task}", "name": "stub.greet", "hostname": "celery@stub", "clock": 1,
         "timestamp": time.time(), "local_received": time.time(), "utcoffset": 0, "pid": 1}}
place, user, password = f"{{url.hostname}}:{{url.port}}", url.username, unquote(url.password)
with Connection(place, user, password, virtual_host="stub") as connection:
    message = Message(json.dumps(event), content_type="application/json", content_encoding="utf-8")
    connection.channel().basic_publish(message, exchange="celeryev", routing_key="task.received")
"""

#: Kills Flower's process.
KILL = """
import glob, os, signal
lines = {int(path.split("/")[2]): open(path).read() for path in glob.glob("/proc/[1-9]*/cmdline")}
[server] = [pid for pid, line in lines.items() if line.startswith("python\\0-m\\0server")]
os.kill(server, signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def an_operator(lengthy: Stack, trusting: Callable[[Stack], Site]) -> Site:
    """An operator of the stack with the stub."""
    return log_in_to_console(lengthy, trusting(lengthy))  # the console's cookies are for HTTPS alone


def test_it_shows_the_tasks_of_its_vhost_and_the_other_one_does_not(lengthy: Stack, an_operator: Site) -> None:
    task = str(uuid4())

    def shown() -> bool:
        lengthy.execute("stub", "sh", "/run/secrets/with-environment", "python", "-c", EVENT.format(task=task))
        return task in an_operator.get(f"{FLOWER}api/tasks").json()

    wait_until(shown, 20, "the task in the vhost's Flower", interval=1)
    assert task not in an_operator.get("/flower/api/tasks").json()


def test_its_pages_have_their_own_addresses_and_the_console_leads_to_them(an_operator: Site) -> None:
    page = an_operator.get(f"{FLOWER}workers")

    style = page.text.partition(f'href="{FLOWER}static/')[2].partition('"')[0]
    assert an_operator.get(f"{FLOWER}static/{style}").status_code == 200
    assert f'href="{FLOWER}">Flower: stub<' in an_operator.get("/console/").text


@pytest.mark.parametrize("path", [FLOWER, f"{FLOWER}api/tasks"])
def test_strangers_are_sent_to_the_login(lengthy: Stack, path: str) -> None:
    answer = requests.get(f"{lengthy.http_url}{path}", allow_redirects=False, timeout=20)

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/console/login/?next={path}")


@pytest.mark.parametrize("path", ["metrics", "healthcheck", "%6Detrics"])
def test_its_open_pages_are_nobody_s(an_operator: Site, path: str) -> None:
    assert an_operator.get(f"{FLOWER}{path}").status_code == 404


def test_all_come_back_when_their_process_is_killed(lengthy: Stack, an_operator: Site) -> None:
    before = lengthy.inspect("flower")["State"]["StartedAt"]
    lengthy.execute("flower", "python", "-c", KILL)

    def answer() -> bool:
        return all(an_operator.get(f"{prefix}api/tasks").status_code == 200 for prefix in ("/flower/", FLOWER))

    wait_until(lambda: lengthy.inspect("flower")["State"]["StartedAt"] != before, 20, "another process")
    wait_until(answer, 30, "all vhosts' answers")
