"""``docker compose stop``: what a service has begun, it finishes."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING

import pytest

from tests.support.stopping import Load, in_flight, stopping, wait_closed, wait_for_requests
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.conftest import Person
    from tests.support.inbox import Inbox
    from tests.support.site import Site
    from tests.support.stack import Stack

DJANGO_PORT, FLASK_PORT = 8000, 3031

#: What Nginx writes when a service hangs up on a request that it had taken.
CUT_OFF = ("prematurely closed", "reset by peer")


def exit_code(stack: Stack, service: str) -> int:
    code: int = stack.inspect(service)["State"]["ExitCode"]
    return code


def test_nginx_finishes_a_request_whose_body_still_comes(ready: Stack, site: Site) -> None:
    body = json.dumps({"x": 1, "y": 2}).encode()
    connection = http.client.HTTPConnection("localhost", ready.ports.http, timeout=30)
    connection.putrequest("POST", "/api/v1/tasks/add")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:5])

    with stopping(ready, "nginx"):
        wait_until(lambda: not site.probe("/healthz"), 20, "nginx to take no new visitors")
        connection.send(body[5:])
        response = connection.getresponse()
        response.read()

    assert response.status == 202
    assert exit_code(ready, "nginx") == 0


def test_django_finishes_the_requests_that_wait_for_the_database(ready: Stack, member: Site) -> None:
    ready.compose("pause", "postgres")

    with in_flight(3, lambda: member.get("/accounts/profile/")) as answers:
        wait_for_requests(ready, "web-django", DJANGO_PORT, 3)
        with stopping(ready, "web-django"):
            wait_closed(ready, "web-django", DJANGO_PORT)
            ready.compose("unpause", "postgres")

    assert [answer.result().status_code for answer in answers] == [200, 200, 200]
    assert exit_code(ready, "web-django") == 0


def test_flask_finishes_the_requests_that_wait_for_redis(ready: Stack, site: Site) -> None:
    location = site.send_task(2, 2).headers["Location"]
    wait_until(lambda: site.result(location) is not None, 20, "a result")
    ready.compose("pause", "redis")

    with in_flight(3, lambda: site.get(location)) as answers:
        wait_for_requests(ready, "api-flask", FLASK_PORT, 3)
        with stopping(ready, "api-flask"):
            ready.compose("unpause", "redis")

    assert [answer.result().json()["result"] for answer in answers] == [4, 4, 4]
    assert exit_code(ready, "api-flask") == 0


def test_a_worker_finishes_the_task_that_it_runs(ready: Stack, site: Site, inbox: Inbox, person: Person) -> None:
    ready.compose("pause", "mail")  # the worker connects, and waits for the mail server's greeting
    assert site.register(person.name, person.email, person.password).status_code == 302
    wait_until(lambda: running_tasks(ready) == 1, 20, "the mail's task to start")

    with stopping(ready, "worker"):
        wait_until(lambda: "arm shutdown" in ready.logs("worker").rpartition("task started")[2], 20, "the shutdown")
        ready.compose("unpause", "mail")

    assert exit_code(ready, "worker") == 0
    assert running_tasks(ready) == 0
    assert len(inbox.mails_to(person.email)) == 1, "before another worker could send it"


def running_tasks(stack: Stack) -> int:
    """Return how many tasks have started and not ended, by the worker's log."""
    messages = [json.loads(line).get("message") for line in stack.logs("worker").splitlines()]
    return messages.count("task started") - messages.count("task ended")


@pytest.mark.parametrize(
    ("service", "path"), [("web-django", "/accounts/login/"), ("api-flask", "/api/v1/tasks/unknown-to-everyone")]
)
def test_under_load_it_cuts_no_request_off(ready: Stack, service: str, path: str) -> None:
    load = Load(ready.http_url, lambda site: site.get(path))
    usual = Load(ready.http_url, lambda site: site.get(path), visitors=1)
    with usual.running():
        wait_until(lambda: usual.statuses, 10, "a first answer")

    with load.running():
        load.wait_for(usual.statuses[0])
        ready.stop(service)
        load.wait_for(503)

    assert not load.broken
    assert set(load.statuses) == {usual.statuses[0], 503}, "answered, or told that nobody is there"
    assert not [line for line in ready.logs("nginx").splitlines() if any(words in line for words in CUT_OFF)]
    assert exit_code(ready, service) == 0


def test_under_load_nginx_cuts_no_request_off(ready: Stack) -> None:
    load = Load(ready.http_url, lambda site: site.get("/accounts/login/", headers={"Connection": "close"}))

    with load.running():
        load.wait_for(200)
        ready.stop("nginx")

    assert set(load.statuses) == {200}
    assert not [error for error in load.broken if "IncompleteRead" in error or "Read timed out" in error]
    assert exit_code(ready, "nginx") == 0


def test_tasks_go_on_with_another_worker_when_one_stops_under_load(ready: Stack, site: Site) -> None:
    locations = [site.send_task(number, 1).headers["Location"] for number in range(100)]

    ready.compose("restart", "worker")

    wait_until(lambda: all(site.result(location) is not None for location in locations), 60, "all sums", interval=0.5)
    assert [site.result(location) for location in locations] == list(range(1, 101))
