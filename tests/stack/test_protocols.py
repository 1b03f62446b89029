"""The site over HTTP/2 and HTTP/3: the same pages, forms and log lines, and the same limits as over HTTP/1.1."""

from __future__ import annotations

import json
import re
from secrets import token_hex
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.support import secrets
from tests.support.edge import edge
from tests.support.protocols import PROTOCOLS, ConnectionEndedError, connected
from tests.support.site import Site
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.edge import Edge
    from tests.support.protocols import Client
    from tests.support.stack import Stack

PROBLEM, PAGE = "application/problem+json", "text/html"
#: Seconds of silence within a body after which Nginx gives up: client_body_timeout.
SILENCE = 30

protocols = pytest.mark.parametrize("protocol", PROTOCOLS)


@pytest.fixture(scope="module")
def authority(stack: Stack) -> str:
    """The certificate of the stack's own authority."""
    return secrets.show(stack, "ca_certificate")


@pytest.fixture(params=PROTOCOLS)
def client(request: pytest.FixtureRequest, stack: Stack, authority: str) -> Iterator[Client]:
    """A connection by each protocol."""
    with connected(request.param, stack.ports.https, authority) as found:
        yield found


def logged(stack: Stack, request_id: str) -> dict[str, object]:
    """Return the line of Nginx's log for a request."""

    def lines() -> list[str]:
        return [line for line in stack.logs("nginx").splitlines() if f'"request_id":"{request_id}"' in line]

    wait_until(lines, 20, "the request in the log")
    (line,) = lines()
    found: dict[str, object] = json.loads(line)
    return found


@protocols
def test_a_page_and_its_log_line_have_the_caller_s_id(stack: Stack, authority: str, protocol: str) -> None:
    ours = f"protocol-{token_hex(4)}"
    with connected(protocol, stack.ports.https, authority) as client:
        answer = client.ask("GET", "/", [("x-request-id", ours)])

    assert (answer.status, answer.headers["x-request-id"]) == (200, ours)
    assert b"</html>" in answer.body
    line = logged(stack, ours)
    assert (line["protocol"], line["method"], line["uri"], line["status"]) == (protocol, "GET", "/", 200)
    assert line["host"] == "localhost"


def test_browsers_learn_of_http3_over_tls_only(stack: Stack, client: Client) -> None:
    assert client.ask("GET", "/healthz").headers["alt-svc"] == f'h3=":{stack.ports.https}"; ma=86400'
    assert "Alt-Svc" not in Site(stack.http_url).get("/healthz").headers


def test_a_form_is_taken_whose_origin_has_the_port(stack: Stack, client: Client) -> None:
    page = client.ask("GET", "/accounts/login/")
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
    assert token
    fields = {"csrfmiddlewaretoken": token[1].decode(), "username": f"nobody-{token_hex(4)}", "password": "wrong"}
    headers = [
        ("cookie", page.headers["set-cookie"].partition(";")[0]),
        ("origin", stack.https_url),
        ("referer", f"{stack.https_url}/accounts/login/"),
        ("content-type", "application/x-www-form-urlencoded"),
    ]

    answer = client.ask("POST", "/accounts/login/", headers, urlencode(fields).encode())

    assert answer.status == 200, "refused, as from another site"


def test_a_task_is_taken_and_its_address_found(client: Client) -> None:
    answer = client.ask("POST", "/api/v1/tasks/add", [("content-type", "application/json")], b'{"x": 4, "y": 4}')

    assert answer.status == 202
    wait_until(lambda: client.ask("GET", answer.headers["location"]).json()["ready"], 60, "the sum")


@pytest.mark.parametrize(("path", "kind"), [("/", PAGE), ("/api/v1/ping", PROBLEM)])
def test_an_address_that_is_too_long_is_refused_as_such(client: Client, path: str, kind: str) -> None:
    answer = refusal(client, path + "?unknown=" + "x" * 14_000)

    assert answer is None or (answer[0], answer[1].partition(";")[0]) == (414, kind)


@pytest.mark.parametrize("headers", [[("x-large", "x" * 14_000)], [(f"x-{n}", "x" * 7000) for n in range(6)]])
def test_headers_that_are_too_large_reach_no_application(client: Client, headers: list[tuple[str, str]]) -> None:
    answer = refusal(client, "/api/v1/ping", headers)

    assert answer is None or answer[0] in {400, 431}


def test_more_headers_than_nginx_counts_reach_no_application(client: Client) -> None:
    answer = refusal(client, "/api/v1/ping", [(f"x-{n}", "") for n in range(1100)])

    assert answer is None or answer[0] in {400, 431}


def refusal(client: Client, path: str, headers: list[tuple[str, str]] | None = None) -> tuple[int, str] | None:
    """Return status and type of the answer, none if the server ended the request or the connection."""
    try:
        answer = client.ask("GET", path, headers or [])
    except ConnectionEndedError:
        return None
    return answer.status, answer.headers.get("content-type", "")


def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    stream = client.begin("POST", "/api/v1/tasks/add", [("content-length", str(3 << 20))])

    answer = client.answer(stream)

    assert (answer.status, answer.headers["content-type"]) == (413, PROBLEM)


@pytest.fixture(scope="module")
def strict(stack: Stack) -> Iterator[Edge]:
    """An edge that takes one write a second, and five requests at the same time."""
    with edge(stack, EDGE_WRITE_RATE="1", EDGE_WRITE_BURST="1", EDGE_CONNECTIONS="5") as found:
        yield found


@protocols
def test_more_writes_than_a_person_sends_are_refused(strict: Edge, authority: str, protocol: str) -> None:
    with connected(protocol, strict.https, authority) as client:
        found = [client.ask("POST", "/api/v1/nowhere", [], b"x") for _ in range(9)]
    refused = [answer for answer in found if answer.status == 429]

    assert len(refused) >= 3
    assert refused[0].headers["content-type"] == PROBLEM
    assert int(refused[0].headers["retry-after"]) > 0


@protocols
def test_slow_senders_of_one_connection_count_one_by_one(stack: Stack, authority: str, protocol: str) -> None:
    with edge(stack, EDGE_CONNECTIONS="5") as few, connected(protocol, few.https, authority) as client:
        for _ in range(5):
            stream = client.begin("POST", "/accounts/login/", [("content-length", "1000")])
            client.data(stream, b"x", end=False)

        wait_until(lambda: client.ask("GET", "/").status == 429, 20, "Nginx to have read all five")


@pytest.mark.long  # thirty seconds of silence
def test_a_silent_sender_is_given_up(client: Client) -> None:
    stream = client.begin("POST", "/accounts/login/", [("content-length", "1000")])
    client.data(stream, b"x", end=False)

    try:
        status = client.answer(stream, timeout=SILENCE + 60).status
    except ConnectionEndedError:
        status = 408
    assert status == 408


def test_many_requests_share_a_connection(client: Client) -> None:
    streams = [client.begin("GET", "/healthz", end=True) for _ in range(60)]

    assert {client.answer(stream).body for stream in streams} == {b"ok\n"}


@pytest.mark.parametrize("kind", ["br", "gzip"])
def test_pages_are_compressed_on_their_way(stack: Stack, kind: str) -> None:
    answer = Site(stack.http_url).get("/", headers={"Accept-Encoding": kind}, stream=True)

    assert answer.headers["Content-Encoding"] == kind
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_a_page_of_the_cache_is_compressed_for_each_visitor(stack: Stack) -> None:
    site, wanted = Site(stack.http_url), ["br", "gzip", None, "br"]
    answers = [site.get("/", headers={"Accept-Encoding": kind or "identity"}, stream=True) for kind in wanted]

    assert [answer.headers.get("Content-Encoding") for answer in answers] == wanted


def test_nginx_listens_on_ipv6(stack: Stack) -> None:
    """Docker's networks have IPv4 alone by default, so only its own loopback can ask."""
    program = (
        'my $s = IO::Socket::IP->new(PeerHost => "::1", PeerPort => 8080, GetAddrInfoFlags => 0) or die $@; '
        'print $s "GET /healthz HTTP/1.0\\r\\n\\r\\n"; print <$s>'
    )
    answer = stack.execute("nginx", "perl", "-MIO::Socket::IP", "-e", program)

    assert answer.startswith("HTTP/1.1 200 OK")
