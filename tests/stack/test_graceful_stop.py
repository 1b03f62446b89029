"""``docker compose stop``: what a service has begun, it finishes."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.site import TIMEOUT, Site
from tests.support.stopping import Load, in_flight, locked, now, stopping, wait_for_line, wait_for_requests
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from tests.conftest import Person
    from tests.support.inbox import Inbox
    from tests.support.stack import Stack

NGINX_PORT, DJANGO_PORT, FLASK_PORT = 8080, 8000, 8000

#: Seconds after which the API has PostgreSQL cancel a query (``api.db``).
STATEMENT_LIMIT = 5

#: Larger than what a visitor's side takes in advance, and small enough for Nginx to have written it all at once.
LARGE_FILE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"


def exit_code(stack: Stack, service: str) -> int:
    code: int = stack.inspect(service)["State"]["ExitCode"]
    return code


def test_nginx_finishes_a_request_whose_body_still_comes(either: Stack) -> None:
    body = json.dumps({"x": 1, "y": 2}).encode()
    connection = http.client.HTTPConnection("localhost", either.ports.http, timeout=TIMEOUT)
    connection.putrequest("POST", "/api/v1/tasks/add")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:5])
    site = Site(either.http_url)

    with stopping(either, "nginx"):
        wait_until(lambda: not site.probe("/healthz"), 20, "nginx to take no new visitors")
        connection.send(body[5:])
        response = connection.getresponse()
        response.read()

    assert response.status == 202
    assert exit_code(either, "nginx") == 0


def test_nginx_leaves_no_visitor_on_a_slow_line_with_half_a_file(either: Stack) -> None:
    # Not by the published port: on a laptop a process of Docker's, which takes all in, stands between.
    address = either.inspect("nginx")["NetworkSettings"]["Networks"][f"{either.project}_edge"]["IPAddress"]
    with socket.create_connection((address, NGINX_PORT), TIMEOUT) as visitor:
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
        visitor.sendall(f"GET {LARGE_FILE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        response = http.client.HTTPResponse(visitor)
        response.begin()
        taken = len(response.read(1))
        with stopping(either, "nginx"):
            while piece := response.read(32 << 10):
                taken += len(piece)
                time.sleep(0.05)  # what makes the line slow

    assert taken == int(response.headers["Content-Length"])
    assert exit_code(either, "nginx") == 0


def test_django_finishes_the_requests_that_wait_for_the_database(
    either: Stack, trusting: Callable[[Stack], Site], person: Person
) -> None:
    member = trusting(either)
    assert member.register(person.name, person.email, person.password).status_code == 302
    since = now()

    with (
        locked(either, "web.django_session") as release,
        in_flight(3, lambda: member.get("/accounts/profile/")) as answers,
    ):
        wait_for_requests(either, "web-django", DJANGO_PORT, 3)
        with stopping(either, "web-django"):
            wait_for_line(either, "web-django", "Handling signal: term", since)
            release()

    assert [answer.result().status_code for answer in answers] == [200, 200, 200]
    assert exit_code(either, "web-django") == 0


def test_flask_finishes_the_requests_that_wait_for_the_database(either: Stack) -> None:
    site = Site(either.http_url)
    location = site.send_task(2, 2).headers["Location"]
    wait_until(lambda: site.result(location) is not None, 20, "a result")

    with locked(either, "api.task") as release, in_flight(3, lambda: site.get(location)) as answers:
        wait_for_requests(either, "api-flask", FLASK_PORT, 3)
        with stopping(either, "api-flask"):
            release()

    for answer in (future.result() for future in answers):
        if answer.elapsed.total_seconds() < STATEMENT_LIMIT:
            assert answer.json().get("result") == 4
        else:  # this machine stops a service more slowly than the API waits for a query: it has answered that
            assert "postgres" in answer.json()["detail"]
    assert exit_code(either, "api-flask") == 0


def test_a_worker_finishes_the_task_that_it_runs(either: Stack) -> None:
    site = Site(either.http_url)
    either.pause("worker")
    location = site.send_task(8, 9).headers["Location"]
    either.pause("redis")  # the task runs now, and cannot store what it found
    since = now()
    either.unpause("worker")
    wait_for_line(either, "worker", "task started", since)

    with stopping(either, "worker"):
        wait_for_line(either, "worker", "arm shutdown", since)
        either.unpause("redis")

    assert exit_code(either, "worker") == 0
    assert site.result(location) == 17, "before another worker could do it"


def test_a_worker_that_stops_waits_for_no_mail_server_that_hangs_and_sends_the_letter_later(
    ready: Stack, inbox: Inbox, person: Person
) -> None:
    ready.pause("mail")  # the worker connects, and waits for the mail server's greeting
    since = now()
    assert Site(ready.http_url).register(person.name, person.email, person.password).status_code == 302
    wait_for_line(ready, "web-mail", "task started", since)

    ready.stop("web-mail")

    assert exit_code(ready, "web-mail") == 0, "it ended by itself, its server being paused still"
    assert '"state": "RETRY"' in ready.logs("web-mail", since=since)
    ready.unpause("mail")
    ready.start("web-mail")
    inbox.wait_for_mail(person.email, timeout=60)
    assert len(inbox.mails_to(person.email)) == 1


def ask_django(site: Site, name: str) -> requests.Response:
    """Send a form without its token: Django logs that it refused it."""
    return site.post("/accounts/login/", headers={"X-Request-ID": name})


def ask_flask(site: Site, name: str) -> requests.Response:
    """Send a task: Flask logs it."""
    return site.send_task(1, 1, headers={"X-Request-ID": name})


@pytest.mark.parametrize(
    ("service", "request_", "usual"), [("web-django", ask_django, 403), ("api-flask", ask_flask, 202)]
)
def test_under_load_it_answers_all_that_it_has_begun(
    either: Stack, service: str, request_: Callable[[Site, str], requests.Response], usual: int
) -> None:
    """Who is told that nobody is there must be right: the service's log knows nothing of that request."""
    load, since = Load(either.http_url, request_), now()

    with load.running():
        load.wait_for(usual, 50)
        either.stop(service)
        load.wait_for(503)

    assert not load.broken
    assert set(load.statuses.values()) == {usual, 503}, "answered, or told that nobody is there"
    begun = {json.loads(line).get("request_id") for line in either.logs(service, since=since).splitlines()}
    assert len(begun & set(load.statuses)) >= load.count(usual), "the service logs the requests that it handles"
    assert not {name for name, status in load.statuses.items() if status == 503 and name in begun}
    assert exit_code(either, service) == 0


def test_under_load_nginx_answers_all_that_it_has_begun(either: Stack) -> None:
    def ask(site: Site, name: str) -> requests.Response:
        return site.get("/accounts/login/", headers={"Connection": "close", "X-Request-ID": name})

    load, since = Load(either.http_url, ask), now()

    with load.running():
        load.wait_for(200, 50)
        either.stop("nginx")

    assert set(load.statuses.values()) == {200}
    answered = [json.loads(line) for line in either.logs("nginx", since=since).splitlines() if '"load-' in line]
    assert {line["request_id"] for line in answered} <= set(load.statuses), "whom Nginx answered got the answer"
    assert {line["status"] for line in answered} == {200}
    assert exit_code(either, "nginx") == 0


def test_no_task_is_lost_when_the_worker_restarts_under_load(either: Stack) -> None:
    site = Site(either.http_url)
    locations = [site.send_task(number, 1).headers["Location"] for number in range(100)]

    either.compose("restart", "worker")

    wait_until(lambda: all(site.result(location) is not None for location in locations), 60, "all sums", interval=0.5)
    assert [site.result(location) for location in locations] == list(range(1, 101))
