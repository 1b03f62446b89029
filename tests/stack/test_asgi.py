"""An ASGI application behind Nginx: requests and WebSockets, over each protocol and while containers are replaced."""

from __future__ import annotations

import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests
from websocket import ABNF, WebSocket, WebSocketBadStatusException, create_connection

from tests.support import secrets
from tests.support.edge import edge
from tests.support.protocols import PROTOCOLS, Http2, connected
from tests.support.site import TIMEOUT
from tests.support.stack import docker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.stack import Stack

HOST, SERVICE = "stub.localhost", "stub-echo"
#: The code with which the server closes WebSockets at its stop, "Service Restart". Source: IANA, WebSocket close codes
RESTART = 1012
#: Seconds between two requests of a visitor.
PAUSE = 0.02
#: Requests of a visitor in two seconds, for which a process of Nginx may keep addresses (nginx/snippets/resolve.conf).
KEPT = int(2 / PAUSE)
#: An Nginx with few ports for its connections to applications, and the requests that would use them up twice.
PORTS = "services: {nginx: {sysctls: {net.ipv4.ip_local_port_range: 40000 40063}}}"
MANY = 100
#: Seconds before each of them.
PACE = 0.05


@pytest.fixture(scope="module")
def authority(lengthy: Stack) -> str:
    """The certificate of the stack's own authority."""
    return secrets.show(lengthy, "ca_certificate")


@contextmanager
def opened(stack: Stack, authority: str = "") -> Iterator[WebSocket]:
    """Yield a WebSocket, over TLS if there is an authority to trust, which has received the scheme."""
    scheme, port = ("wss", stack.ports.https) if authority else ("ws", stack.ports.http)
    context = ssl.create_default_context(cadata=authority or None)
    connection = create_connection(
        f"{scheme}://127.0.0.1:{port}/echo/",
        timeout=TIMEOUT,
        host=f"{HOST}:{port}",
        sslopt={"context": context, "server_hostname": HOST},
    )
    try:
        assert connection.recv() == scheme
        yield connection
    finally:
        if connection.sock:
            connection.sock.close()


def close_code(connection: WebSocket) -> int:
    """Wait until the server closes a WebSocket, answer that, and return the code."""
    opcode, frame = connection.recv_data_frame()
    assert opcode == ABNF.OPCODE_CLOSE, frame
    return int.from_bytes(frame.data[:2], "big")


@contextmanager
def closed_with(connection: WebSocket, code: int) -> Iterator[None]:
    """See that the server closes a WebSocket with a code while the body runs."""
    with ThreadPoolExecutor(1) as visitor:
        found = visitor.submit(close_code, connection)
        yield
        assert found.result() == code


def url(stack: Stack, path: str) -> str:
    return f"{stack.http_url}/echo{path}"


def paced(address: str) -> int:
    """Return the status of the answer to a request that comes a moment later: no port is free again within a second."""
    time.sleep(PACE)
    return status(address)


def status(address: str) -> int:
    """Return the status of the answer to a request."""
    return requests.get(address, headers={"Host": HOST}, timeout=TIMEOUT).status_code


@contextmanager
def visited(stack: Stack) -> Iterator[list[int]]:
    """Request a page again and again while the body runs; yield the statuses of the answers so far."""
    ended, statuses = threading.Event(), list[int]()

    def visit() -> None:
        while not ended.wait(PAUSE):
            statuses.append(status(url(stack, "/")))

    with ThreadPoolExecutor(1) as pool:
        visitor = pool.submit(visit)
        try:
            yield statuses
        finally:
            ended.set()
        visitor.result()


def test_it_answers_over_plain_http(lengthy: Stack) -> None:
    answer = requests.post(url(lengthy, "/page"), data="hello", headers={"Host": HOST}, timeout=TIMEOUT)

    assert answer.json() == {"method": "POST", "path": "/echo/page", "scheme": "http", "body": "hello"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_answers_over_each_protocol(lengthy: Stack, authority: str, protocol: str) -> None:
    with connected(protocol, lengthy.ports.https, authority, host=HOST) as client:
        answer = client.ask("POST", "/echo/page", body=b"hello")

    assert answer.json() == {"method": "POST", "path": "/echo/page", "scheme": "https", "body": "hello"}


def test_it_streams_an_answer_that_says_so(lengthy: Stack) -> None:
    with requests.get(url(lengthy, "/stream"), headers={"Host": HOST}, timeout=TIMEOUT, stream=True) as answer:
        parts = answer.iter_content(chunk_size=None)
        first = next(parts)  # the second part waits for the next request
        requests.get(url(lengthy, "/go"), headers={"Host": HOST}, timeout=TIMEOUT).raise_for_status()

        assert (first, b"".join(parts)) == (b"first ", b"second")


@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "https"])
def test_a_websocket_has_its_messages_echoed_until_it_is_closed(
    lengthy: Stack, authority: str, *, encrypted: bool
) -> None:
    with opened(lengthy, authority if encrypted else "") as connection:
        for message in ("hello", "x" * 100_000):
            connection.send_text(message)
            assert connection.recv() == message
        connection.send_binary(b"\x00\xff")
        assert connection.recv() == b"\x00\xff"
        connection.send_close(1000)

        assert close_code(connection) == 1000


def test_browsers_are_not_told_to_open_websockets_over_http2(lengthy: Stack, authority: str) -> None:
    """They use HTTP/1.1 then, as above. Nginx 1.26 knows no extended CONNECT (RFC 8441)."""
    with connected("HTTP/2.0", lengthy.ports.https, authority, host=HOST) as client:
        client.ask("GET", "/echo/")

        assert isinstance(client, Http2)
        assert client.session.remote_settings.enable_connect_protocol == 0


def test_a_roll_closes_websockets_with_a_reason_and_loses_no_request(lengthy: Stack) -> None:
    old = lengthy.container(SERVICE)
    with visited(lengthy) as statuses, opened(lengthy) as connection:
        start = ("up", "--detach", "--no-build", "--no-deps", "--no-recreate", f"--scale={SERVICE}=2", SERVICE)
        lengthy.compose(*start)
        try:
            wait_until(lambda: healthy(lengthy) == 2, 60, "the new container to be healthy")
            healthy_at = len(statuses)
            wait_until(lambda: len(statuses) > healthy_at + KEPT, 60, "Nginx to know the new container")
            with closed_with(connection, RESTART):
                docker("stop", old)
            with opened(lengthy) as another:
                another.send_text("again")
                assert another.recv() == "again"
            seen = len(statuses)
            wait_until(lambda: len(statuses) > seen + 10, 60, "more requests, which the new container answers")
        finally:
            docker("rm", "--force", old)

    assert set(statuses) == {200}


def healthy(stack: Stack) -> int:
    """Return the number of the service's healthy containers."""
    return sum(each.service == SERVICE and each.status == "healthy" for each in stack.containers())


def test_a_restart_closes_websockets_with_a_reason_and_they_open_again(lengthy: Stack) -> None:
    with opened(lengthy) as connection:
        try:
            with closed_with(connection, RESTART):
                lengthy.stop(SERVICE)
            with pytest.raises(WebSocketBadStatusException) as refused, opened(lengthy):
                pass
            assert refused.value.status_code == 503
        finally:
            lengthy.start(SERVICE)

    with opened(lengthy) as connection:
        connection.send_text("again")
        assert connection.recv() == "again"


def test_nginx_does_not_run_out_of_ports_for_an_application_that_keeps_connections(
    lengthy: Stack, tmp_path: Path
) -> None:
    """Nginx itself ends each connection to such a server, and the kernel would keep the port for another minute."""
    (tmp_path / "ports.yaml").write_text(PORTS, encoding="ascii")
    few = replace(lengthy, files=(*lengthy.files, str(tmp_path / "ports.yaml")))
    pace = (
        threading.Event()
    )  # never set: a pause between two requests, as the kernel keeps a port for a second at least
    with edge(few) as found:
        statuses = [status(f"{found.url}/echo/") for _ in range(MANY) if not pace.wait(PAUSE)]

    assert set(statuses) == {200}
