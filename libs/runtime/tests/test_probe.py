"""The two programs that ask a server for a page: the module, and the script in Bash that most images have."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from landfast_runtime import probe
from landfast_runtime.worker import beat
from landfast_testing.waiting import PATIENCE

from tests.servers import answering, unused_port

SCRIPT = Path(__file__).parents[3] / "images/base/bin/probe"
PROGRAMS = {"python": [sys.executable, "-m", "landfast_runtime.probe"], "bash": ["bash", str(SCRIPT)]}

each_program = pytest.mark.parametrize("program", PROGRAMS)
each_scheme = pytest.mark.parametrize("scheme", ["http", "uwsgi"])


def run(program: str, url: str, *options: str) -> tuple[int, str]:
    """Return a program's exit status and what it printed for Docker."""
    done = subprocess.run([*PROGRAMS[program], url, *options], stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


@each_scheme
@each_program
def test_it_is_content_with_success(program: str, scheme: str) -> None:
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        assert run(program, f"{scheme}://127.0.0.1:{server.port}/healthz") == (0, "")
    assert b"/healthz" in server.heard


@each_scheme
@each_program
def test_it_says_what_is_wrong(program: str, scheme: str) -> None:
    with answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n") as server:
        status, printed = run(program, f"{scheme}://127.0.0.1:{server.port}/healthz")
    assert (status, printed) == (1, "/healthz answered 'HTTP/1.1 503 Service Unavailable'\n")


@each_scheme
@each_program
def test_it_notices_that_nobody_listens(program: str, scheme: str) -> None:
    status, printed = run(program, f"{scheme}://127.0.0.1:{unused_port()}/healthz")
    assert status == 1
    assert "refused" in printed


@each_program
def test_uwsgi_is_asked_in_its_own_protocol(program: str) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as server:
        assert run(program, f"uwsgi://127.0.0.1:{server.port}/healthz") == (0, "")

    modifier, size, second_modifier = struct.unpack_from("<BHB", server.heard)
    assert (modifier, size, second_modifier) == (0, len(server.heard) - 4, 0)
    assert uwsgi_variables(bytes(server.heard[4:])) == {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/healthz",
        "REQUEST_URI": "/healthz",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(server.port),
        "HTTP_HOST": "localhost",
    }


@each_program
def test_http_is_asked_with_the_host_s_name(program: str) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as server:
        assert run(program, f"http://127.0.0.1:{server.port}/healthz") == (0, "")

    assert server.heard.splitlines()[:2] == [b"GET /healthz HTTP/1.1", f"Host: 127.0.0.1:{server.port}".encode()]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"", b"HTTP/1.1\r\n", b"200 OK\r\n"])
@each_scheme
@each_program
def test_only_success_will_do(program: str, scheme: str, answer: bytes) -> None:
    with answering(answer) as server:
        assert run(program, f"{scheme}://127.0.0.1:{server.port}/healthz")[0] == 1


def test_a_server_that_never_answers_fails_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TIMEOUT", 1.0)
    with answering(None) as server:
        started = time.monotonic()
        assert probe.main(f"uwsgi://127.0.0.1:{server.port}/healthz") == 1

    assert time.monotonic() - started < probe.TIMEOUT + 2 * PATIENCE


@each_scheme
def test_the_script_fails_at_the_deadline_too(scheme: str) -> None:
    with answering(None) as server:
        started = time.monotonic()
        assert run("bash", f"{scheme}://127.0.0.1:{server.port}/healthz", "1")[0] == 1

    assert time.monotonic() - started < 1 + 2 * PATIENCE


def test_the_script_names_a_protocol_that_it_does_not_know() -> None:
    status, printed = run("bash", "https://127.0.0.1/healthz")
    assert (status, printed) == (1, "https://127.0.0.1/healthz: must begin with http://, uwsgi:// or file://\n")


def test_the_script_is_content_with_a_file_that_was_written_just_now(tmp_path: Path) -> None:
    file = tmp_path / "ticked"
    assert run("bash", f"file://{file}", "3600") == (1, f"{file} is missing\n")
    file.touch()
    assert run("bash", f"file://{file}", "3600") == (0, "")
    os.utime(file, (time.time() - 7200,) * 2)
    status, printed = run("bash", f"file://{file}", "3600")
    assert status == 1
    assert printed.startswith(f"{file} was written 7")


def test_beats_are_asked_for_the_mark_that_they_leave() -> None:
    root = SCRIPT.parents[3]
    asked = [
        line.partition("#")[0].strip()
        for service in ("worker", "web-django")
        for line in (root / f"services/{service}/compose.yaml").read_text().splitlines()
        if "beat-ticked" in line
    ]
    assert asked == [f'test: [CMD, probe, "file://{beat.MARK}", "{beat.STALE:.0f}"]'] * 2


def uwsgi_variables(body: bytes) -> dict[str, str]:
    """Return the variables in the body of a uwsgi packet."""
    parts: list[str] = []
    while body:
        (size,) = struct.unpack_from("<H", body)
        parts.append(body[2 : 2 + size].decode())
        body = body[2 + size :]
    return dict(zip(parts[::2], parts[1::2], strict=True))
