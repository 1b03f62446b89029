"""A process for each vhost: all run, one that dies comes back, and all end together."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import health
import pytest
from config import FlowerSettings
from landfast_runtime.env import Env

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Supervises processes that print their names and sleep, until the file in the argument exists.
PROGRAM = """
import logging, os, signal, sys, time
from pathlib import Path
from supervisor import supervise

def say(line):
    os.write(1, f"{line}\\n".encode())

def watch(vhost):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(say(f"{vhost} saved")))
    say(f"{vhost} {os.getpid()}")
    time.sleep(60)

logging.basicConfig(stream=sys.stdout, format="%(message)s")
supervise(["one", "two"], watch, Path(sys.argv[1]).exists)
say("over")
"""


class Supervisor:
    """A supervisor that runs, and the output of it and its processes."""

    def __init__(self, over: Path) -> None:
        command = [sys.executable, "-c", PROGRAM, str(over)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def pids(self, vhost: str) -> list[int]:
        """Return the processes that a vhost has had."""
        return [int(line.split()[1]) for line in self.lines if line.startswith(vhost) and line.split()[1].isdigit()]

    def wait_for(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until it holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.05)

    def end(self) -> None:
        """End it with its processes, whose output ends then, too."""
        self.process.kill()
        self._reader.join(30)
        self.process.communicate()

    def has_ended(self) -> bool:
        """Return whether it has ended, and all of its output is read."""
        return self.process.poll() is not None and not self._reader.is_alive()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor both of whose processes run."""
    found = Supervisor(tmp_path / "over")
    try:
        found.wait_for(lambda: bool(found.pids("one") and found.pids("two")))
        yield found
    finally:
        found.end()


def is_there(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_that_dies_is_started_again_and_the_other_goes_on(supervisor: Supervisor) -> None:
    os.kill(supervisor.pids("one")[0], signal.SIGKILL)

    supervisor.wait_for(lambda: len(supervisor.pids("one")) == 2)
    assert "the process of vhost one has ended; it is restarted" in supervisor.lines
    assert len(supervisor.pids("two")) == 1


def test_a_stop_lets_all_of_them_save_what_they_have(supervisor: Supervisor) -> None:
    supervisor.process.terminate()

    supervisor.wait_for(supervisor.has_ended)
    assert {"one saved", "two saved"} <= set(supervisor.lines)
    assert supervisor.lines[-1] == "over"
    assert supervisor.process.returncode == 0


def test_all_end_when_the_contracts_say_something_else(supervisor: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "over").touch()

    supervisor.wait_for(supervisor.has_ended)
    assert {"one saved", "two saved"} <= set(supervisor.lines)


def test_none_outlives_the_one_that_started_it(supervisor: Supervisor) -> None:
    supervisor.process.kill()

    pids = [*supervisor.pids("one"), *supervisor.pids("two")]
    supervisor.wait_for(lambda: not any(map(is_there, pids)))


class Page(http.server.BaseHTTPRequestHandler):
    """Answers at one address."""

    def do_GET(self) -> None:
        self.send_response_only(200 if self.path == "/flower/healthcheck" else 404)
        self.end_headers()


def test_it_is_healthy_only_while_each_process_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    places = {"landfast": {"port": server.server_port, "path": "/flower/"}}
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    try:
        (tmp_path / "vhosts.json").write_text(json.dumps(places))
        assert health.main() == 0

        places["shop"] = {"port": server.server_port, "path": "/flower/vhost/shop/"}
        (tmp_path / "vhosts.json").write_text(json.dumps(places))
        assert health.main() == 1
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("content", "begun"), [("{}", 1), ("{", 0), (None, 0)])
def test_it_restarts_only_when_the_contracts_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, begun: int
) -> None:
    import processes  # noqa: PLC0415 - it brings modules that another test must not find

    contracts = processes.Contracts(FlowerSettings.from_env(Env()))
    run: list[object] = []
    monkeypatch.setattr(os, "execv", lambda *command: run.append(command))
    if content is not None:
        (tmp_path / "vhosts.json").write_text(content)
        monkeypatch.setenv("SECRETS_DIR", str(tmp_path))

    contracts.restart()
    assert run == [], "no check follows a stop"

    assert contracts.have_changed() == bool(begun)
    contracts.restart()
    assert run == [(sys.executable, sys.orig_argv)] * begun

    monkeypatch.setattr(os, "getpid", lambda: 1)
    contracts.restart()
    assert len(run) == begun, "a child does not restart"
