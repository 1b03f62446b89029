"""The house without the demo: it is healthy, its operators log in, and what lives in it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from tests.conftest import log_in_to_console
from tests.support.forms import wait_ready
from tests.support.site import TIMEOUT, Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.stack import Stack

OPERATORS = ("/console/outbox/task/", "/flower/", "/flower/vhost/stub/", "/rabbitmq/")
DEMO = {
    "web-django", "web-worker", "web-mail", "web-beat", "api-flask", "api-uploads", "api-worker", "api-periodic",
    "worker", "beat",
}  # fmt: skip


def test_nothing_of_the_demo_is_left_and_all_is_ready(house: Stack) -> None:
    report = wait_ready(house)

    assert not DEMO & {each.service for each in house.containers()}
    assert report["status"] == "ready"
    backing = {"postgres", "redis", "redis-cache", "rabbitmq", "relay", "outbox"}
    assert set(report["dependencies"]) == backing | {"outbox-stub", "stub"}


def test_whoever_comes_to_its_own_address_meets_the_console(house: Stack) -> None:
    assert Site(house.http_url).get("/").headers["Location"] == "/console/"


def test_operators_see_tasks_workers_and_queues(house: Stack, trusting: Callable[[Stack], Site]) -> None:
    operator = log_in_to_console(house, trusting(house))  # its cookies are for HTTPS alone

    found = {path: operator.get(path).status_code for path in OPERATORS}

    assert set(found.values()) == {200}


def test_the_application_that_stayed_goes_on(house: Stack) -> None:
    answer = requests.get(f"{house.http_url}/", headers={"Host": "stub.localhost"}, timeout=TIMEOUT)

    assert answer.json()["host"] == "stub.localhost"
