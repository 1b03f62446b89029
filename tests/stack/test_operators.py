"""Flower and RabbitMQ's management pages: for operators, behind the console's login."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import secrets
from tests.support.site import Site
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.conftest import Person
    from tests.support.stack import Stack

#: The site's two, the API's, and the shared one.
WORKERS = 4
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
from django.test import Client
client = Client()
client.force_login(User.objects.get(username={person.name!r}))
print(client.cookies["console_session"].value)
"""
    session = stack.execute("console", "python", "manage.py", "shell", "--verbosity=0", "--command", code).strip()

    response = Site(stack.http_url).get("/flower/", cookies={"console_session": session})

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


def test_it_shows_operators_the_workers(operator: Site) -> None:
    def workers() -> list[str]:
        return sorted(operator.get("/flower/api/workers", params={"refresh": "1"}).json())

    wait_until(lambda: len(workers()) == WORKERS, 20, lambda: f"{WORKERS} workers: {workers()}")


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


def test_its_list_of_queues_begins_with_ours_unless_another_order_was_chosen(stack: Stack, operator: Site) -> None:
    login = ("operator", secrets.show(stack, "rabbitmq_operator_password"))

    def listed(**order: str) -> list[str]:
        query = {"page": "1", "page_size": "100", "name": "", "use_regex": "false", "pagination": "true", **order}
        answer = operator.get("/rabbitmq/api/queues", params=query, auth=login)
        return [queue["name"] for queue in answer.json()["items"]]

    first, *_ = [number for number, name in enumerate(listed()) if name.startswith("celery_delayed_")]
    assert {"tasks", "tasks.bulk", "dead-letters"} <= set(listed()[:first])
    assert listed(sort="name") == sorted(listed())


def test_it_has_no_guest_on_the_broker(operator: Site) -> None:
    response = operator.get("/rabbitmq/api/overview", auth=("guest", "guest"))

    assert response.status_code == 401
