"""Health pages, and how the site does with a dependency stopped."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.forms import reasons, wait_ready
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from tests.conftest import Person
    from tests.support.inbox import Inbox
    from tests.support.site import Site
    from tests.support.stack import Stack

HOUSE = {"postgres", "redis", "redis-cache", "rabbitmq", "relay", "outbox"}
APPLICATIONS = {"web-django", "web-worker", "web-mail", "api-flask", "api-worker", "worker"}

#: Seconds that an answer may take whatever is broken, on an idle reference machine.
SLOWEST_ANSWER = 5


@dataclass(frozen=True)
class Outage:
    """A dependency that is gone, and what must work all the same: each path with its status."""

    dependency: str
    works: dict[str, int]


OUTAGES = [
    Outage("api-flask", {"/": 200, "/accounts/login/": 200, "/api/v1/tasks/any": 503}),
    Outage("postgres", {"/accounts/login/": 200, "/api/v1/tasks/any": 404}),
    Outage("rabbitmq", {"/": 200, "/accounts/register/": 200, "/api/v1/tasks/any": 404}),
    Outage("redis", {"/": 200, "/accounts/register/": 200, "/api/v1/tasks/any": 404}),
    Outage("redis-cache", {"/": 200, "/accounts/register/": 200, "/api/v1/tasks/any": 404}),
    Outage("relay", {"/": 200, "/accounts/register/": 200, "/api/v1/tasks/any": 404}),
    Outage("worker", {"/": 200, "/accounts/register/": 200, "/api/v1/tasks/any": 404}),
    Outage("web-worker", {"/": 200, "/accounts/register/": 200, "/api/v1/tasks/any": 404}),
    Outage("web-mail", {"/": 200, "/accounts/register/": 200, "/api/v1/tasks/any": 404}),
    Outage("api-worker", {"/": 200, "/accounts/register/": 200, "/api/v1/tasks/any": 404}),
]
#: Those that a test of its own stops below, which looks at the report as well: here they are in long runs.
STOPPED_BELOW = {"rabbitmq", "redis", "relay", "worker"}
each_outage = pytest.mark.parametrize(
    "outage",
    [
        pytest.param(each, id=each.dependency, marks=pytest.mark.long if each.dependency in STOPPED_BELOW else ())
        for each in OUTAGES
    ],
)


def readiness(site: Site) -> tuple[int, dict[str, Any]]:
    response = site.get("/readyz", timeout=PATIENCE * SLOWEST_ANSWER)
    document: dict[str, Any] = response.json()
    return response.status_code, document


def wait_failing(site: Site, *names: str) -> dict[str, Any]:
    """Wait for a report that names all of these as failing, and return it.

    A slow machine may let it name others beside them, or none in time: no dependency has more than two seconds.
    """

    def report() -> dict[str, Any] | None:
        status, document = readiness(site)
        return document if status == 503 and set(names) <= set(document["failing"]) else None

    return wait_until(report, 30, lambda: f"/readyz to name {names}: {readiness(site)}")


def test_it_is_alive(site: Site) -> None:
    response = site.get("/healthz")

    assert (response.status_code, response.text.strip()) == (200, "ok")


def test_it_is_ready_and_names_every_dependency(ready: Stack) -> None:
    assert ready.long_running >= (HOUSE | APPLICATIONS) - {"outbox"}
    document = wait_ready(ready)

    assert document["status"] == "ready"
    assert document["failing"] == []
    assert set(document["dependencies"]) == HOUSE | APPLICATIONS
    assert all(entry == {"ok": True} for entry in document["dependencies"].values()), "strangers read nothing else"
    known = reasons(ready)["dependencies"]
    assert all(entry["ok"] and entry["milliseconds"] >= 0 for entry in known.values())
    assert known["postgres"]["disk_size_mb"] > known["postgres"]["disk_free_mb"] > 0
    assert set(known["outbox"]) >= {"pending", "in_flight", "dead", "oldest_pending_seconds"}


@each_outage
def test_it_names_what_is_stopped_serves_what_it_can_and_recovers(ready: Stack, site: Site, outage: Outage) -> None:
    ready.stop(outage.dependency)

    document = wait_failing(site, outage.dependency)
    assert document["status"] == "unavailable"
    assert document["dependencies"][outage.dependency] == {"ok": False}
    assert reasons(ready)["dependencies"][outage.dependency]["problem"]
    assert {path: site.get(path).status_code for path in outage.works} == outage.works
    assert site.get("/healthz").status_code == 200

    ready.start(outage.dependency)
    wait_until(lambda: readiness(site)[0] == 200, 60, lambda: f"ready again: {readiness(site)}")
    location = wait_until(lambda: site.send_task(3, 4).headers.get("Location"), 20, "tasks to be accepted")
    wait_until(lambda: site.result(location) == 7, 30, "work to be done again")
    assert site.get("/").status_code == 200


def test_it_says_unavailable_while_the_console_is_stopped(ready: Stack, site: Site) -> None:
    ready.stop("console")

    assert wait_failing(site, "console")["failing"] == ["console"]
    assert site.get("/flower/").status_code == 503, "nobody vouches for anyone: closed"
    assert site.get("/console/").status_code == 503
    assert site.get("/").status_code == 200, "applications do without it"
    ready.start("console")
    wait_until(lambda: readiness(site)[0] == 200, 30, "a report")


def test_the_rest_serves_while_django_is_stopped(ready: Stack, site: Site, operator: Site) -> None:
    kept = site.get("/").text
    ready.stop("web-django")

    wait_until(lambda: readiness(site)[1]["failing"] == ["web-django"], 30, lambda: f"/readyz: {readiness(site)}")
    request = f"trace-{token_hex(8)}"
    page = site.get("/accounts/login/", headers={"X-Request-ID": request})

    assert page.status_code == 503
    assert site.get("/").text == kept, "Nginx has the pages that anybody may see"
    assert page.headers["Retry-After"]
    assert "text/html" in page.headers["Content-Type"]
    assert operator.get("/flower/").status_code == 200, "operators do without any application"
    assert site.send_task(1, 1).status_code == 202, "the API does without Django"
    line = wait_until(lambda: line_of_request(ready, request), 10, "the request's line")
    assert (line["uri"], line["status"], line["level"]) == ("/accounts/login/", 503, "error")
    assert line["connection"] > 0
    ready.start("web-django")
    wait_until(lambda: site.get("/accounts/login/").status_code == 200, 30, "the site")


def line_of_request(stack: Stack, request: str) -> dict[str, Any] | None:
    """Return Nginx's line of a request, once it is there."""
    lines = (json.loads(line) for line in stack.logs("nginx").splitlines() if request in line)
    return next(lines, None)


def test_a_part_of_the_disk_of_postgres_can_be_given_back(stack: Stack) -> None:
    told = stack.compose("exec", "--no-TTY", "postgres", "reserve", "release").stdout

    assert re.fullmatch(r"released: \d+ MB; free now: \d+ MB\n", told)


def test_it_registers_people_while_the_broker_is_stopped_and_writes_to_them_later(
    ready: Stack, site: Site, inbox: Inbox, person: Person
) -> None:
    ready.stop("rabbitmq")
    registered = site.register(person.name, person.email, person.password)
    assert registered.status_code == 302
    assert person.email in site.get("/accounts/profile/").text
    assert inbox.mails_to(person.email) == []

    ready.start("rabbitmq")

    assert inbox.wait_for_mail(person.email, timeout=60)
    assert len(inbox.mails_to(person.email)) == 1


def test_the_api_takes_tasks_in_time_while_the_broker_is_stopped(ready: Stack, site: Site) -> None:
    ready.stop("rabbitmq")
    wait_failing(site, "rabbitmq")

    accepted = [site.send_task(number, 2, timeout=PATIENCE * SLOWEST_ANSWER) for number in range(5)]
    assert {response.status_code for response in accepted} == {202}
    locations = [response.headers["Location"] for response in accepted]
    assert {site.get(location).json()["state"] for location in locations} == {"PENDING"}

    ready.start("rabbitmq")

    wait_until(lambda: all(site.result(location) is not None for location in locations), 60, "all sums")
    assert [site.result(location) for location in locations] == [2, 3, 4, 5, 6]


def test_it_takes_tasks_while_no_relay_is_there(ready: Stack, site: Site) -> None:
    ready.stop("relay")
    wait_failing(site, "relay")
    location = site.send_task(20, 22).headers["Location"]
    assert site.get(location).json()["state"] == "PENDING"

    ready.start("relay")

    wait_until(lambda: site.result(location) == 42, 30, "the sum")


def test_it_does_tasks_and_tells_their_results_while_redis_is_stopped(ready: Stack, site: Site) -> None:
    ready.stop("redis")
    wait_failing(site, "redis")

    accepted = site.send_task(12, 30)

    assert accepted.status_code == 202
    wait_until(lambda: site.result(accepted.headers["Location"]) == 42, 60, "the sum")
    ready.start("redis")
    wait_until(lambda: readiness(site)[0] == 200, 60, lambda: f"ready again: {readiness(site)}")
    assert site.result(accepted.headers["Location"]) == 42


def test_it_keeps_tasks_until_a_worker_is_there(ready: Stack, site: Site) -> None:
    ready.stop("worker")
    wait_failing(site, "worker")
    location = site.send_task(30, 12).headers["Location"]
    assert site.get(location).json()["ready"] is False

    ready.start("worker")

    wait_until(lambda: site.result(location) == 42, 30, "the sum")


STATEFUL = ("postgres", "rabbitmq", "redis", "redis-cache")


@pytest.mark.parametrize(
    "stopped",
    [
        pytest.param(STATEFUL, id="all"),
        # Each alone: the same starts once more, in case one dependency hides the absence of another.
        *(pytest.param((name,), id=name, marks=pytest.mark.long) for name in STATEFUL),
    ],
)
def test_services_start_without_their_dependencies_and_recover_when_these_come(
    ready: Stack, site: Site, stopped: tuple[str, ...]
) -> None:
    ready.stop(*stopped)
    applications = ("web-django", "web-worker", "web-mail", "web-beat", "api-flask", "api-worker", "worker", "beat")
    ready.compose("restart", "--no-deps", "console", "relay", "flower", *applications)

    wait_until(lambda: site.probe("/accounts/login/"), 60, "the site to answer what it can")
    wait_failing(site, *stopped)

    ready.start(*stopped)
    wait_until(lambda: readiness(site)[0] == 200, 90, lambda: f"ready: {readiness(site)}")
    location = site.send_task(5, 6).headers["Location"]
    wait_until(lambda: site.result(location) == 11, 30, "work to be done")
