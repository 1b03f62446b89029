"""Any WSGI server by one variable: the commands, and the servers that need no image of their own."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from landfast_runtime.servers import apache, commands
from landfast_runtime.servers.commands import SERVERS, Served
from landfast_testing.waiting import DEADLINE, wait_until

from tests.servers import unused_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SITE = Served("mysite.wsgi:application", 8000, 2, 4)
#: An application that tells what was asked, and whose page `/slow` takes a second.
PROBE = """
import os, time


def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        open("begun", "w").close()
        time.sleep(1)
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Request-ID", environ["HTTP_X_REQUEST_ID"])])
    return [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['QUERY_STRING']} {len(body)}".encode()]
"""
#: Those that the tests' environment has.
HERE = ("gunicorn", "gunicorn-sync", "wsgiref")


def launched(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run the launcher, whose own command prints ``own``."""
    command = [sys.executable, "-m", "landfast_runtime.servers", "probe:application", "8000", "SERVER", "PROCESSES"]
    own = [*command, "THREADS", sys.executable, "-c", "print('own')"]
    environment = {**os.environ, **variables}
    return subprocess.run(own, env=environment, capture_output=True, text=True, timeout=DEADLINE, check=False)


def test_without_a_name_the_application_s_own_server_runs() -> None:
    assert launched().stdout == "own\n"
    assert launched(SERVER=" ").stdout == "own\n"


def test_an_unknown_name_stops_the_start_and_the_line_lists_the_servers() -> None:
    ended = launched(SERVER="nginx")

    assert ended.returncode == os.EX_CONFIG
    assert ended.stderr == f"FATAL: configuration: SERVER: is 'nginx', must be one of {', '.join(sorted(SERVERS))}\n"


def test_each_bad_variable_has_its_line() -> None:
    ended = launched(SERVER="wsgiref", PROCESSES="0", THREADS="many")

    assert ended.returncode == os.EX_CONFIG
    assert ended.stderr.splitlines() == [
        "FATAL: configuration: PROCESSES: is 0, must be at least 1",
        "FATAL: configuration: THREADS: is 'many', must be a whole number",
    ]


@pytest.mark.parametrize("name", ["bjoern", "mod_wsgi"])
def test_an_image_without_a_server_says_which_target_has_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    ended = launched(SERVER=name)

    assert ended.returncode == os.EX_CONFIG
    assert f"SERVER: is '{name}', and this image has no" in ended.stderr
    assert commands.TARGET in ended.stderr


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_gets_the_application_and_its_port(name: str) -> None:
    arguments = SERVERS[name].arguments(SITE)

    assert any(SITE.application in each for each in arguments)
    assert any(str(SITE.port) in each for each in arguments)


def test_the_sizes_go_where_each_server_reads_them() -> None:
    assert {"--workers=2", "--threads=4", "--worker-class=gthread"} < {*SERVERS["gunicorn"].arguments(SITE)}
    assert {"--workers=2", "--threads=1", "--worker-class=sync"} < {*SERVERS["gunicorn-sync"].arguments(SITE)}
    assert {"--processes=2", "--threads=4"} < {*SERVERS["uwsgi"].arguments(SITE)}
    assert {"--workers=2", "--blocking-threads=4"} < {*SERVERS["granian"].arguments(SITE)}
    assert SERVERS["bjoern"].arguments(SITE)[-1] == "2"
    assert SERVERS["wsgiref"].arguments(SITE)[-1] == "8"
    assert SERVERS["mod_wsgi"].arguments(SITE)[-2:] == ["2", "4"]


def test_cgi_has_no_more_processes_at_once_than_other_servers_have_threads_and_gets_the_variables() -> None:
    command = apache.command("cgi", 8000, 2, 4, ["POSTGRES_HOST", "HOME"])

    assert "Define AT_ONCE 8" in command
    assert command[-4:] == ["-c", "PassEnv HOME", "-c", "PassEnv POSTGRES_HOST"]
    assert "PassEnv" not in " ".join(apache.command("mod_wsgi", 8000, 2, 4, ["HOME"]))


@dataclass(frozen=True)
class Running:
    """A server that runs the application above."""

    port: int
    process: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, body: bytes | None = None) -> str:
        """Send a request with an id, and return the answer's text; the answer has the same id."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request(method, path, body, {"X-Request-ID": "request-4711"})
            answer = connection.getresponse()
            assert (answer.status, answer.headers["X-Request-ID"]) == (http.client.OK, "request-4711")
            return answer.read().decode()
        finally:
            connection.close()

    def listens(self) -> bool:
        """Return whether it takes connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE).close()
        except ConnectionRefusedError:
            return False
        return True


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    """Run a server, by its name."""
    (tmp_path / "probe.py").write_text(PROBE, encoding="ascii")
    port = unused_port()
    command = [sys.executable, "-m", "landfast_runtime.servers", "probe:application", str(port), "SERVER", "A", "B"]
    variables = {**os.environ, "SERVER": request.param, "A": "1", "B": "2"}
    variables["PYTHONPATH"] = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    with subprocess.Popen([*command, "false"], cwd=tmp_path, env=variables) as process:
        running = Running(port, process)
        try:
            wait_until(running.listens, f"{request.param} does not listen")
            yield running
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("server", HERE, indirect=True)
def test_it_serves_requests_and_finishes_a_running_one_when_it_is_stopped(server: Running, tmp_path: Path) -> None:
    assert server.ask("GET", "/page?x=1") == "GET /page x=1 0"
    assert server.ask("POST", "/form", b"x" * 70_000) == "POST /form  70000"

    said: list[str] = []
    visitor = threading.Thread(target=lambda: said.append(server.ask("GET", "/slow")))
    visitor.start()
    wait_until((tmp_path / "begun").exists, "the request does not begin")
    server.process.terminate()
    visitor.join(DEADLINE)

    assert said == ["GET /slow  0"]
    assert server.process.wait(DEADLINE) == 0
