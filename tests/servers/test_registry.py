"""The route to the servers' registry, the count of its bytes, and the digests of images there."""

from __future__ import annotations

import json
import shlex
import socket
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest

from cli.console import StackError
from cli.servers import registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIGEST = f"sha256:{'1' * 64}"

#: Acts like ssh with a route's options: forwards a port, prints the number of bytes at its end, or fails.
SSH = """
import signal, socket, sys, threading
destination, options = sys.argv[-1], sys.argv[1:-1]
_, port, host, target = options[options.index("-L") + 1].split(":")
if destination == "refused":
    sys.exit("Permission denied (publickey).")
def end(*_):
    words = "" if destination == "quiet" else "Transferred: sent 4711, received 815 bytes, in 1.5 seconds\\r\\n"
    sys.exit(words and "Authenticated to server.\\n" + words)
signal.signal(signal.SIGTERM, end)
def copy(source, sink):
    while piece := source.recv(65536):
        sink.sendall(piece)
    sink.shutdown(socket.SHUT_WR)
listener = socket.create_server(("127.0.0.1", int(port)))
if "LocalCommand=echo" in options:
    print(flush=True)
while True:
    client, server = listener.accept()[0], socket.create_connection((host, int(target)))
    for ends in ((client, server), (server, client)):
        threading.Thread(target=copy, args=ends, daemon=True).start()
"""


class Registry(BaseHTTPRequestHandler):
    """Has one image."""

    def do_HEAD(self) -> None:
        known = self.path == "/v2/landfast/nginx/manifests/one"
        self.send_response(200 if known else 404)
        if known:
            self.send_header("Docker-Content-Digest", DIGEST)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def registry_of_the_host() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield a program that replaces ssh, and connects to a host with a registry."""
    program, script = tmp_path / "ssh", tmp_path / "ssh.py"
    script.write_text(SSH)
    program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(script)])} "$@"\n')
    program.chmod(0o755)
    with registry_of_the_host() as port:
        monkeypatch.setattr(registry, "REGISTRY", ("127.0.0.1", port))
        yield str(program)


def test_ssh_forwards_a_port_to_the_registry_and_ends_with_the_route(ssh: str) -> None:
    with registry.route([ssh, "-p", "22", "root@server"]) as route:
        assert registry.digest(route.address, "landfast/nginx", "one") == DIGEST
        assert not registry.digest(route.address, "landfast/nginx", "two")

    with pytest.raises(StackError, match="does not answer"):
        registry.digest(route.address, "landfast/nginx", "one")


def test_a_route_tells_in_the_end_how_many_bytes_ssh_has_sent(ssh: str) -> None:
    with registry.route([ssh, "root@server"]) as route:
        pass

    assert route.sent == 4711


def test_nothing_is_told_of_bytes_where_ssh_says_nothing(ssh: str) -> None:
    with registry.route([ssh, "-q", "quiet"]) as route:
        pass

    assert route.sent == 0


def test_where_ssh_does_not_get_in_its_words_and_the_command_are_told(ssh: str) -> None:
    with (
        pytest.raises(StackError, match=r"(?s)Permission denied.*-N .*-L 127\.0\.0\.1:\d+.* refused"),
        registry.route([ssh, "refused"]),
    ):
        pass


def test_a_port_that_another_program_has_taken_meanwhile_is_none_of_the_registry(
    ssh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(registry, "free_port", lambda _: other.getsockname()[1])
        with pytest.raises(StackError, match="Address already in use"), registry.route([ssh, "root@server"]):
            pass


def test_on_the_first_manager_itself_there_is_no_ssh_and_pushed_names_are_none_of_those_that_run() -> None:
    with registry.route([]) as route:
        assert route.address == "localhost:5000"

    assert route.sent == 0


def test_a_host_has_the_same_port_each_time_and_another_one_where_that_is_taken() -> None:
    """Docker remembers by the registry's port which layers exist there."""
    host = f"root@{token_hex(8)}"  # another run at the same time must not take this port
    usual = registry.free_port(["ssh", host])
    assert registry.free_port(["ssh", "-v", host]) == usual

    with socket.create_server(("127.0.0.1", usual)):
        assert registry.free_port(["ssh", host]) != usual


def test_the_connection_is_one_of_its_own_which_asks_nothing_and_counts_bytes() -> None:
    command = registry.forward(["ssh", "-i", "key", "root@server"], 20000)

    assert command == [
        *("ssh", "-N", "-o", "BatchMode=yes", "-o", "ControlPath=none", "-o", "ExitOnForwardFailure=yes"),
        *("-o", "LogLevel=VERBOSE", "-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo"),
        *("-L", "127.0.0.1:20000:127.0.0.1:5000", "-i", "key", "root@server"),
    ]


def test_a_registry_that_does_not_answer_is_said_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    with pytest.raises(StackError, match="does not answer"):
        registry.digest(f"127.0.0.1:{port}", "landfast/nginx", "one")


def test_it_reads_the_digest_that_docker_push_says_last() -> None:
    output = f"abc: Pushed\none: digest: {DIGEST} size: 1234\n"

    assert registry.pushed_digest(output) == DIGEST
    assert not registry.pushed_digest("denied\n")


@pytest.mark.parametrize(
    ("tags", "newest"),
    [
        (["one", "two-debian20261129T005314"], "one"),
        (["one", "one-debian20261129T005314", "one-debian20261206T010000"], "one-debian20261206T010000"),
        (["one-debian20261129T005314"], "one-debian20261129T005314"),
        (["two"], ""),
        (None, ""),
    ],
)
def test_the_images_of_a_commit_are_those_with_the_newest_packages(
    monkeypatch: pytest.MonkeyPatch, tags: list[str] | None, newest: str
) -> None:
    """A deploy of a commit that was updated since must not go back to its older packages."""
    monkeypatch.setattr(registry, "request", lambda *_: (200, {}, json.dumps({"name": "nginx", "tags": tags}).encode()))
    monkeypatch.setattr(registry, "digest", lambda _address, _repository, tag: f"digest of {tag}")

    found = registry.newest("registry.test", "landfast/nginx", "one")

    assert found == (f"digest of {newest}" if newest else "")


def test_a_repository_that_is_not_there_yet_has_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "request", lambda *_: (404, {}, b""))

    assert not registry.newest("registry.test", "landfast/nginx", "one")
