"""Logs: one JSON object a line on stdout, and one request id from Nginx to the task."""

from __future__ import annotations

import json
import re
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.conftest import Person
    from tests.support.inbox import Inbox
    from tests.support.site import Site
    from tests.support.stack import Stack

SERVICES = [
    "nginx", "console", "relay", "flower", "web-django", "web-worker", "web-mail", "web-beat",
    "api-flask", "api-uploads", "api-worker", "api-periodic", "worker", "beat",
    "postgres", "redis", "redis-cache", "rabbitmq", "mail", "migrate-web", "migrate-api", "migrate-outbox",
    "migrate-console",
]  # fmt: skip


def documents(stack: Stack, service: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.logs(service).splitlines()]


def lines_of_request(stack: Stack, service: str, request: str) -> list[dict[str, Any]]:
    return [document for document in documents(stack, service) if document.get("request_id") == request]


@pytest.mark.parametrize("service", SERVICES)
def test_it_logs_json_lines_alone(stack: Stack, service: str) -> None:
    lines = stack.logs(service).splitlines()

    assert lines, f"{service} said nothing"
    for line in lines:
        try:
            document = json.loads(line)
        except ValueError:
            pytest.fail(f"{service} wrote a line that is no JSON: {line!r}")
        assert {"time", "level", "service", "message"} <= set(document), line
        assert document["service"] == service
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", document["time"]), line


def test_one_request_id_goes_from_nginx_to_flask_to_the_task(stack: Stack, site: Site) -> None:
    request = f"trace-{token_hex(8)}"

    response = site.send_task(2, 3, headers={"X-Request-ID": request})

    assert response.headers["X-Request-ID"] == request
    task = response.headers["Location"].rpartition("/")[2]
    wait_until(lambda: len(lines_of_request(stack, "worker", request)) == 2, 20, "the task's two lines")
    assert {line["task_id"] for line in lines_of_request(stack, "worker", request)} == {task}
    assert lines_of_request(stack, "nginx", request)[0]["status"] == 202
    assert lines_of_request(stack, "api-flask", request)


def test_one_request_id_goes_from_nginx_to_django(stack: Stack, site: Site) -> None:
    request = f"trace-{token_hex(8)}"

    refused = site.post("/accounts/login/", headers={"X-Request-ID": request})

    assert refused.status_code == 403, "a form without its token"
    wait_until(lambda: lines_of_request(stack, "web-django", request), 10, "Django's line about the refused form")
    assert lines_of_request(stack, "nginx", request)[0]["status"] == 403


def test_one_request_id_goes_from_a_page_to_the_task_that_it_starts(
    stack: Stack, site: Site, inbox: Inbox, person: Person
) -> None:
    request = f"trace-{token_hex(8)}"
    site.session.headers["X-Request-ID"] = request

    assert site.register(person.name, person.email, person.password).status_code == 302

    inbox.wait_for_mail(person.email)
    # A task that is faster than the commit it comes from runs twice.
    wait_until(lambda: ended_well(lines_of_request(stack, "web-mail", request)), 20, "the task's lines")
    assert lines_of_request(stack, "nginx", request)


def ended_well(lines: list[dict[str, Any]]) -> bool:
    """Return whether the last of a task's lines says that it ended, and well."""
    return bool(lines) and lines[0]["message"] == "task started" and lines[-1].get("state") == "SUCCESS"


def test_nginx_logs_no_password_in_the_address(stack: Stack, site: Site) -> None:
    request = f"trace-{token_hex(8)}"
    site.get("/accounts/login/?password=swordfish", headers={"X-Request-ID": request})

    line = wait_until(lambda: lines_of_request(stack, "nginx", request), 10, "the request's line")[0]
    assert "swordfish" not in json.dumps(line)
