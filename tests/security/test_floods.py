"""One visitor cannot take the site away from all others: limits at the edge, in nobody's way who loads a page."""

from __future__ import annotations

import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from tests.support.edge import edge
from tests.support.site import TIMEOUT, Site
from tests.support.stack import docker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

    from tests.support.edge import Edge
    from tests.support.stack import Stack

PROBLEM, PAGE = "application/problem+json", "text/html"
#: The usual limit of writes: so many at once, and so many a second.
BURST, RATE = 50, 10
#: More than that.
WRITES = 300
#: A connection that reads its answers slowly, and the requests in each.
READERS, PIPELINED = 300, 8
#: A page with its assets, loaded this often at once, as by the people of an office.
LOADS = 6
#: The usual limit of requests at the same time.
AT_ONCE = 200


def answers(url: str, method: str, path: str, number: int) -> list[Response]:
    """Send requests from sixteen threads, and return the answers."""
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda _: Site(url).request(method, path, json={}), range(number)))


def statuses(url: str, method: str, path: str, number: int) -> list[int]:
    """Send requests from sixteen threads, and return their statuses."""
    return [answer.status_code for answer in answers(url, method, path, number)]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_more_writes_than_a_person_sends_are_refused(stack: Stack, method: str) -> None:
    with edge(stack, EDGE_WRITE_RATE="1", EDGE_WRITE_BURST="5") as few:
        began = time.monotonic()
        found = answers(few.url, method, "/api/v1/nowhere", 40)
        seconds = time.monotonic() - began
        refused = [answer for answer in found if answer.status_code == 429]

        assert len(found) - len(refused) <= 1 + 5 + seconds, found
        answer = refused[0]
        assert answer.headers["Content-Type"] == PROBLEM
        assert int(answer.headers["Retry-After"]) > 0
        assert json.loads(answer.text)["status"] == 429
        assert Site(few.url).get("/").status_code == 200, "who only reads is not meant"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/accounts/login/", PAGE),
        ("/console/login/", PAGE),
        ("/flower/api/x", PAGE),
        ("/readyz", PROBLEM),
        ("/graphql/", PROBLEM),
        ("/rest/articles/", PROBLEM),
        ("/api/v1/tasks/add", PROBLEM),
        ("/api/v1/datasets/", PROBLEM),
        ("/static/x", PAGE),
    ],
)
def test_the_refusal_has_the_format_of_the_caller(refusing: Edge, path: str, kind: str) -> None:
    found = answers(refusing.url, "POST", path, 40)  # the visitor may write once a second
    answer = next(answer for answer in found if answer.status_code == 429)

    assert answer.headers["Content-Type"].partition(";")[0] == kind
    assert answer.headers["Retry-After"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.fixture(scope="module")
def refusing(stack: Stack) -> Iterator[Edge]:
    """An edge that refuses all writes of a visitor but one a second."""
    with edge(stack, EDGE_WRITE_RATE="1", EDGE_WRITE_BURST="1") as found:
        yield found


def test_three_hundred_tasks_of_a_stranger_are_not_taken_at_once(usual: Edge) -> None:
    began = time.monotonic()
    found = statuses(usual.url, "POST", "/api/v1/tasks/add", WRITES)
    seconds = time.monotonic() - began

    assert len(found) - found.count(429) <= 1 + BURST + RATE * seconds, found


def assets(url: str, page: str) -> list[str]:
    """Return the addresses of a page's pictures, styles and scripts."""
    text = Site(url).get(page).text
    found = re.findall(r'<(?:img|script)[^>]* src="([^"]+)"|<link[^>]* href="([^"]+)"', text)
    return sorted({urljoin(page, address or other) for address, other in found if "://" not in address + other})


@pytest.mark.parametrize("page", ["/", "/admin/login/", "/api/docs", "/rest/docs/"])
def test_a_page_loads_with_all_its_assets_at_once(usual: Edge, page: str) -> None:
    wanted = [page, *assets(usual.url, page)] * LOADS
    assert len(wanted) > LOADS, "the page has assets"

    with ThreadPoolExecutor(len(wanted)) as pool:
        found = list(pool.map(lambda path: Site(usual.url).get(path, timeout=TIMEOUT).status_code, wanted))

    assert set(found) <= {200, 302}, dict(zip(wanted, found, strict=True))


def test_slow_readers_do_not_keep_the_site_from_others(stack: Stack, usual: Edge) -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * PIPELINED
    with ExitStack() as opened:
        readers = []
        for _ in range(READERS):
            reader = opened.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            reader.connect(("127.0.0.1", usual.http))
            reader.sendall(request)
            readers.append(reader)
        found = elsewhere(stack, usual)

    assert found == "200", "a visitor with another address"


def elsewhere(stack: Stack, at: Edge) -> str:
    """Return the status of the front page for a visitor with another address: a container in Nginx's network."""
    program = (
        "import sys, urllib.request as u\n"
        "page = u.Request(f'http://{sys.argv[1]}:8080/', headers={'Host': 'localhost'})\n"
        f"print(u.build_opener(u.ProxyHandler({{}})).open(page, timeout={TIMEOUT}).status)"
    )
    return stack.execute("console", "python", "-c", program, at.container).strip()


def slow_sender(edge: Edge) -> socket.socket:
    """Return a connection whose request was taken, and counted, and whose body comes slowly."""
    sender = socket.create_connection(("127.0.0.1", edge.http), TIMEOUT)
    head = "POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
    sender.sendall(head.encode())
    answer = sender.recv(4096)
    sender.sendall(b"x")
    assert answer.startswith(b"HTTP/1.1 100 "), answer
    return sender


def test_a_visitor_has_a_limit_of_requests_at_the_same_time(stack: Stack) -> None:
    with edge(stack, EDGE_CONNECTIONS="5") as few, ExitStack() as opened:
        for _ in range(5):
            opened.enter_context(slow_sender(few))
        refused = statuses(few.url, "GET", "/", 20)
        there = elsewhere(stack, few)

    assert set(refused) == {429}
    assert there == "200", "a visitor with another address"


def test_an_upload_that_fails_is_told_as_such_whatever_its_size(ready: Stack) -> None:
    site = Site(ready.http_url)
    ready.stop("web-django")
    answer = site.post("/admin/news/article/add/", data=b"x" * 3_000_000, headers={"X-Request-ID": "failed-upload"})
    logged = [json.loads(line) for line in ready.logs("nginx").splitlines() if '"request_id":"failed-upload"' in line]

    assert answer.status_code == 503, "the picture is not too large: nobody looked at it"
    assert [(line["method"], line["uri"], line["status"]) for line in logged] == [
        ("POST", "/admin/news/article/add/", 503)
    ]


def test_a_flood_is_logged_in_part_and_the_rest_is_counted(stack: Stack) -> None:
    """Its lines would push all others out of the log."""
    with edge(stack, EDGE_LOG_RATE="2") as bounded:
        sent = 200
        assert set(statuses(bounded.url, "GET", "/healthz?flood", sent)) == {200}

        def left_out() -> list[int]:
            Site(bounded.url).get("/healthz")  # the count comes with an answer of a later second
            found = re.findall(r" (\d+) lines of the access log were left out", docker("logs", bounded.container))
            return [int(number) for number in found]

        counted = wait_until(left_out, 20, "the number of the lines that were left out")
        lines = docker("logs", bounded.container).count('"message":"GET /healthz 200"')

    assert sum(counted) > 0
    assert lines < sent
