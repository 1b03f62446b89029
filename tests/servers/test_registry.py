"""The way to the servers' registry, and the count of what goes through it."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from cli.console import StackError
from cli.servers import registry
from cli.servers.registry import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

DIGEST = f"sha256:{'1' * 64}"


class Registry(BaseHTTPRequestHandler):
    """Knows one image and takes whatever is sent."""

    def do_HEAD(self) -> None:
        known = self.path == "/v2/landfast/nginx/manifests/one"
        self.send_response(200 if known else 404)
        if known:
            self.send_header("Docker-Content-Digest", DIGEST)
        self.end_headers()

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def gate() -> Iterator[Gate]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    opened = Gate(lambda: socket.create_connection(("127.0.0.1", server.server_port)))
    try:
        yield opened
    finally:
        opened.close()
        server.shutdown()
        server.server_close()


def test_it_counts_the_bytes_that_were_sent() -> None:
    with gate() as opened:
        connection = http.client.HTTPConnection(opened.address, timeout=10)
        connection.request("PUT", "/", body=b"x" * 1_000_000)
        assert connection.getresponse().status == 201
        connection.close()

        assert 1_000_000 < opened.sent < 1_001_000


def test_it_tells_which_image_of_a_release_is_there_already() -> None:
    with gate() as opened:
        assert registry.digest(opened.address, "landfast/nginx", "one") == DIGEST
        assert not registry.digest(opened.address, "landfast/nginx", "two")


def test_a_registry_that_does_not_answer_is_said_to() -> None:
    with gate() as opened:
        address = opened.address

    with pytest.raises(StackError, match="does not answer"):
        registry.digest(address, "landfast/nginx", "one")


def test_it_reads_the_digest_that_docker_push_says_last() -> None:
    output = f"abc: Pushed\none: digest: {DIGEST} size: 1234\n"

    assert registry.pushed_digest(output) == DIGEST
    assert not registry.pushed_digest("denied\n")
