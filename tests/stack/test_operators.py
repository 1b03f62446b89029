"""Flower and RabbitMQ's management pages: for operators, behind the console's login."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from tests.support import operators
from tests.support.site import Site
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.conftest import Person
    from tests.support.stack import Stack

#: Flower's pages of a vhost -> the workers there.
WORKERS = {"/flower/": 1, "/flower/vhost/web/": 2, "/flower/vhost/api/": 1}
PAGES = ("/flower/", "/flower/workers", "/flower/api/tasks", "/rabbitmq/", "/rabbitmq/api/overview")


@pytest.mark.parametrize("path", PAGES)
def test_it_sends_an_anonymous_visitor_to_the_login_and_back(site: Site, path: str) -> None:
    response = site.get(path)

    assert response.status_code == 302
    location = urlsplit(response.headers["Location"])
    assert location.path == "/console/login/"
    assert parse_qs(location.query)["next"] == [path]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("who", ["member", "staff"])
def test_whom_an_application_knows_is_nobody_here(request: pytest.FixtureRequest, who: str, path: str) -> None:
    visitor: Site = request.getfixturevalue(who)

    assert visitor.get(path).status_code == 302


def test_it_refuses_an_account_of_the_console_that_is_no_operator(stack: Stack, person: Person) -> None:
    code = f"""
from django.contrib.auth.models import User
User.objects.create_user({person.name!r}, {person.email!r}, {person.password!r})
"""
    stack.execute("console", "python", "manage.py", "shell", "--verbosity=0", "--command", code)

    site = operators.log_in(Site(stack.http_url), person.name, person.password)

    response = site.get("/flower/")

    assert response.status_code == 403
    assert "Operators only" in response.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_guards_every_method(site: Site, method: str) -> None:
    assert site.request(method, "/flower/api/worker/shutdown/worker").status_code in {302, 403}
    assert site.request(method, "/rabbitmq/api/queues/landfast/tasks").status_code in {302, 403}


def test_it_shows_operators_the_tasks_that_ran(operator: Site) -> None:
    location = operator.send_task(20, 22).headers["Location"]
    task = location.rpartition("/")[2]

    found = wait_until(lambda: operator.get("/flower/api/tasks").json().get(task), 20, "the task in Flower")

    assert found["name"] == "tasks.arithmetic.add"
    wait_until(lambda: operator.get("/flower/api/tasks").json()[task]["result"] == "42", 20, "its result in Flower")


@pytest.mark.parametrize("place", list(WORKERS))
def test_it_shows_operators_the_workers(operator: Site, place: str) -> None:
    def workers() -> list[str]:
        return sorted(operator.get(f"{place}api/workers", params={"refresh": "1"}).json())

    wait_until(lambda: len(workers()) == WORKERS[place], 20, lambda: f"{WORKERS[place]} workers: {workers()}")


def test_it_shows_operators_the_broker_tab(operator: Site) -> None:
    def shown() -> bool:
        page = operator.get("/flower/broker")
        assert page.status_code == 200
        return ">tasks<" in page.text.replace(" ", "").replace("\n", "")

    # Flower waits for RabbitMQ's management for a second, which a busy machine may take.
    wait_until(shown, 20, "the queue on the broker tab")


def test_it_shows_operators_flowers_page_with_its_own_style(operator: Site) -> None:
    page = operator.get("/flower/workers")

    assert page.status_code == 200
    assert "/flower/static/" in page.text
    style = page.text.partition('href="/flower/static/')[2].partition('"')[0]
    assert operator.get(f"/flower/static/{style}").status_code == 200


@pytest.mark.parametrize("path", ["/flower/metrics", "/flower/healthcheck", "/flower/metrics/", "/flower/%6Detrics"])
@pytest.mark.parametrize("who", ["site", "operator"])
def test_it_hides_flowers_open_pages_from_everyone(request: pytest.FixtureRequest, who: str, path: str) -> None:
    visitor: Site = request.getfixturevalue(who)

    assert visitor.get(path).status_code in {302, 404}
    assert "flower_" not in visitor.get(path).text


def test_it_shows_operators_the_management_pages(operator: Site) -> None:
    assert "RabbitMQ Management" in operator.get("/rabbitmq/").text


def test_its_list_of_queues_begins_with_ours_unless_another_order_was_chosen(operator: Site) -> None:
    def listed(**order: str) -> list[str]:
        query = {"page": "1", "page_size": "500", "name": "", "use_regex": "false", "pagination": "true", **order}
        answer = operator.get("/rabbitmq/api/queues", params=query)
        return [queue["name"] for queue in answer.json()["items"]]

    first, *_ = [number for number, name in enumerate(listed()) if name.startswith("celery_delayed_")]
    assert {"tasks", "web.bulk", "dead-letters"} <= set(listed()[:first])
    assert listed(sort="name") == sorted(listed())


@pytest.fixture(scope="module")
def reader(stack: Stack) -> Site:
    """An operator who may only read."""
    return operators.log_in(Site(stack.http_url), *operators.make(stack.execute, operators.READER))


@pytest.fixture(scope="module")
def steerer(stack: Stack) -> Site:
    """An operator who may steer, and is no administrator of the console."""
    return operators.log_in(Site(stack.http_url), *operators.make(stack.execute, operators.STEERER))


@pytest.mark.parametrize("login", [None, ("guest", "guest"), ("operator", "a-guess")])
def test_one_login_opens_rabbitmq_with_the_right_of_the_operator(
    reader: Site, steerer: Site, login: tuple[str, str] | None
) -> None:
    found = {site: site.get("/rabbitmq/api/whoami", auth=login).json() for site in (reader, steerer)}

    assert (found[reader]["name"], found[reader]["tags"]) == ("operator_reader", ["monitoring"])
    assert (found[steerer]["name"], found[steerer]["tags"]) == ("operator", ["administrator"])


def test_a_reader_sees_queues_but_no_password_hash(reader: Site) -> None:
    assert "dead-letters" in {queue["name"] for queue in reader.get("/rabbitmq/api/queues/landfast").json()}
    assert reader.get("/flower/workers").status_code == 200
    for path in ("definitions", "users"):
        answer = reader.get(f"/rabbitmq/api/{path}")
        assert answer.status_code == 401
        assert "password_hash" not in answer.text
        assert "WWW-Authenticate" not in answer.headers


def test_flowers_list_of_tasks_has_rows_for_a_reader(reader: Site) -> None:
    page = reader.get("/flower/tasks")
    token = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
    form = {"draw": "1", "start": "0", "length": "10", "search[value]": "", "order[0][column]": "0",
            "order[0][dir]": "asc", "columns[0][data]": "name", "_xsrf": token[1] if token else ""}  # fmt: skip

    answer = reader.post("/flower/tasks/datatable", data=form)

    assert answer.status_code == 200, answer.text
    assert "recordsTotal" in answer.json()


#: What stops workers, changes pools, revokes, publishes or deletes.
CHANGES = (
    ("POST", "/flower/api/worker/shutdown/nobody@nowhere"),
    ("POST", "/flower/api/worker/pool/grow/nobody@nowhere"),
    ("POST", "/flower/api/task/revoke/00000000-0000-0000-0000-000000000000"),
    ("POST", "/flower/api/task/send-task/tasks.arithmetic.add"),
    ("DELETE", "/rabbitmq/api/queues/landfast/no-such-queue/contents"),
    ("PUT", "/rabbitmq/api/users/mallory"),
    ("POST", "/rabbitmq/api/exchanges/landfast/amq.default/publish"),
)


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_reader_changes_nothing(reader: Site, method: str, path: str) -> None:
    answer = reader.request(method, path, json={})

    assert answer.status_code == 403
    assert "your account may not" in answer.text


def test_steering_reaches_the_service_and_is_logged_with_its_user(stack: Stack, steerer: Site) -> None:
    path, request_id = "/rabbitmq/api/queues/landfast/no-such-queue/contents", f"steering-{uuid4().hex}"

    answer = steerer.request("DELETE", f"{path}?secret=1", headers={"X-Request-ID": request_id})

    assert answer.status_code == 404, "RabbitMQ's own answer"

    def logged() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in stack.logs("console").splitlines() if request_id in line]
        return [line for line in lines if "operator" in line]

    (line,) = wait_until(logged, 20, "the line")
    assert line["operator"].startswith("operator-")
    assert (line["method"], line["path"], line["allowed"]) == ("DELETE", path, True)


def test_a_page_of_another_site_steers_nothing(steerer: Site) -> None:
    method, path = CHANGES[0]

    answer = steerer.request(method, path, headers={"Origin": "http://shop.localhost:8080"})

    assert answer.status_code == 403


def test_a_visitor_cannot_say_what_the_console_is_asked(site: Site, reader: Site) -> None:
    claimed = {"X-Original-Method": "GET", "X-Original-URI": "/flower/", "X-Operator-Right": "steer"}

    assert reader.request("POST", CHANGES[0][1], headers=claimed).status_code == 403
    assert reader.get("/rabbitmq/api/whoami", headers=claimed).json()["name"] == "operator_reader"
    for path in ("/internal/auth/operator", "/internal/login"):
        assert site.get(path, headers=claimed).status_code == 404


def test_the_login_leads_back_to_the_whole_address(site: Site) -> None:
    location = site.get("/flower/tasks?state=FAILURE&limit=5").headers["Location"]

    assert parse_qs(urlsplit(location).query)["next"] == ["/flower/tasks?state=FAILURE&limit=5"]
