"""Requests from both sides of each limit on size, and those that Nginx rewrites on their way to a service."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.site import TIMEOUT
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.site import Site
    from tests.support.stack import Stack

PROBLEM, PAGE = "application/problem+json", "text/html"
API, REST, SITE = "/api/v1/ping", "/rest/articles/", "/"
JSON = {"Content-Type": "application/json"}
#: Who asks, and in what format errors are told: programs and people.
CALLERS = {API: PROBLEM, REST: PROBLEM, SITE: PAGE}
KIB, MIB = 1 << 10, 1 << 20

callers = pytest.mark.parametrize("path", CALLERS)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    kind: str
    body: bytes


def ask(
    stack: Stack, path: str, headers: Sequence[tuple[str, str]] = (), method: str = "GET", body: bytes = b""
) -> Answer:
    """Send a request as it stands; headers may repeat, which no client library of ours does."""
    with closing(http.client.HTTPConnection("localhost", stack.ports.http, timeout=TIMEOUT)) as connection:
        connection.putrequest(method, path)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        return Answer(response.status, response.headers.get_content_type(), response.read())


def refused(answer: Answer, status: int, kind: str) -> None:
    """Check that a request was refused in the caller's format."""
    assert (answer.status, answer.kind) == (status, kind), answer.body[:300]
    if kind == PROBLEM:
        assert json.loads(answer.body)["status"] == status


@callers
def test_an_address_of_eight_thousand_characters_reaches_the_application(stack: Stack, path: str) -> None:
    answer = ask(stack, f"{path}?unknown={'x' * (8000 - len(path))}")

    assert answer.status == (422 if path == API else 200), answer.body[:300]


@callers
def test_a_longer_address_is_refused_as_such(stack: Stack, path: str) -> None:
    refused(ask(stack, f"{path}?unknown={'x' * 9000}"), 414, CALLERS[path])


@callers
@pytest.mark.parametrize("cookies", [1, 2, 3])
def test_cookies_of_twenty_four_kilobytes_are_taken(stack: Stack, path: str, cookies: int) -> None:
    assert ask(stack, path, [("Cookie", f"c{n}={'x' * 7900}") for n in range(cookies)]).status == 200


@callers
def test_more_headers_than_thirty_two_kilobytes_are_refused_as_such(stack: Stack, path: str) -> None:
    refused(ask(stack, path, [("Cookie", f"c{n}={'x' * 7900}") for n in range(5)]), 431, CALLERS[path])


@callers
def test_a_header_of_more_than_eight_kilobytes_is_refused_as_such(stack: Stack, path: str) -> None:
    assert ask(stack, path, [("X-Long", "x" * 8000)]).status == 200
    refused(ask(stack, path, [("X-Long", "x" * 9000)]), 431, CALLERS[path])


@callers
def test_nine_hundred_headers_are_taken_and_more_than_a_thousand_refused(stack: Stack, path: str) -> None:
    assert ask(stack, path, [(f"X-{n}", "x") for n in range(900)]).status == 200
    refused(ask(stack, path, [(f"X-{n}", "x") for n in range(1100)]), 431, CALLERS[path])


def test_the_api_takes_bodies_of_sixteen_kilobytes(stack: Stack) -> None:
    def send(size: int) -> Answer:
        return ask(stack, "/api/v1/tasks/add", [*JSON.items()], "POST", b'{"x": 1, "y": 2}'.ljust(size))

    assert send(16 * KIB).status == 202
    refused(send(16 * KIB + 1), 413, PROBLEM)
    refused(send(2 * MIB + 1), 413, PROBLEM)


@pytest.mark.parametrize(("path", "kind"), [("/graphql/", PROBLEM), ("/accounts/login/", PAGE)])
def test_a_body_of_more_than_twelve_megabytes_is_refused_in_the_callers_format(
    stack: Stack, path: str, kind: str
) -> None:
    answer = ask(stack, path, [*JSON.items()], "POST", b" " * (12 * MIB + 1))

    refused(answer, 413, kind)


def pieces(document: object) -> Iterator[bytes]:
    """Yield a JSON document byte by byte: a body whose length is not said."""
    for byte in json.dumps(document).encode():
        yield bytes([byte])


def test_a_chunked_body_reaches_flask(site: Site) -> None:
    response = site.post("/api/v1/tasks/add", data=pieces({"x": 4, "y": 4}), headers=JSON)

    assert response.status_code == 202, response.text
    assert wait_until(lambda: site.result(response.headers["Location"]), 20, "the sum") == 8


def test_a_chunked_body_reaches_django(site: Site) -> None:
    response = site.post("/graphql/", data=pieces({"query": "{ __typename }"}), headers=JSON)

    assert response.json() == {"data": {"__typename": "Query"}}


def test_a_line_of_the_log_is_short_whatever_the_caller_sends(stack: Stack, site: Site) -> None:
    request = "trace-long-address"
    site.get(f"/api/v1/{'x' * 4000}%01", headers={"X-Request-ID": request, "User-Agent": '"' * 7000})

    def lines() -> list[str]:
        return [line for line in stack.logs("nginx").splitlines() if request in line]

    [line] = wait_until(lines, 10, "the request's line")
    assert len(line) < 4096
    assert json.loads(line)["uri"].endswith("x...")
