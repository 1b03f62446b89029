"""The Flowers of one process: each answers while another one hangs, and all save what they show at the end."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

import health
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Runs Flower with threads that can be made to hang: SIGUSR1 stops the loop of the first one for a minute.
HANGING = """
import signal, sys, time
import server, watch
made = []

class Hanging(watch.Watch):
    def __init__(self, settings):
        super().__init__(settings)
        made.append(self)

server.Watch = Hanging
signal.signal(signal.SIGUSR1, lambda *_: made[0]._flower.io_loop.add_callback_from_signal(time.sleep, 60))
sys.exit(server.main())
"""

#: Runs Flower when something else has the port of the second one.
TAKEN = """
import json, os, socket, sys
import server
places = json.load(open(os.environ["SECRETS_DIR"] + "/vhosts.json"))
with socket.create_server(("0.0.0.0", places["shop"]["port"])):
    sys.exit(server.main())
"""


def free_ports(number: int) -> list[int]:
    """Return free ports."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [each.getsockname()[1] for each in sockets]


class Flowers:
    """Flower for two vhosts, without a broker, as a process; its secrets and state are in a directory."""

    def __init__(self, directory: Path, *program: str) -> None:
        self.directory = directory
        self.places = dict(zip(("house", "shop"), map(self.place, free_ports(2), ("", "vhost/shop/")), strict=True))
        self.write()
        for name in ("flower_password", "rabbitmq_password"):
            (directory / name).write_text("only-for-tests/0123456789-0123456789")
        variables = {"SECRETS_DIR": str(directory), "FLOWER_STATE": str(directory / "state")}
        command = [sys.executable, *(program or ("-m", "server"))]
        self.log = directory / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=os.environ | variables, stdout=log, stderr=subprocess.STDOUT)

    @staticmethod
    def place(port: int, below: str) -> dict[str, object]:
        """Return the address of a Flower."""
        return {"port": port, "path": f"/flower/{below}"}

    def write(self) -> None:
        """Write the file with the vhosts, at once."""
        new = self.directory / "new"
        new.write_text(json.dumps(self.places))
        new.rename(self.directory / "vhosts.json")

    def status(self, vhost: str, page: str = "healthcheck", of: str = "") -> int:
        """Return the status of a page at a vhost's port, with the path of another vhost; 0 if none answers."""
        with suppress(OSError, HTTPException):
            try:
                address = f"http://127.0.0.1:{self.places[vhost]['port']}{self.places[of or vhost]['path']}{page}"
                with urlopen(address, timeout=5) as answer:
                    return int(answer.status)
            except HTTPError as error:
                return error.code
        return 0

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until it holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def end(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Flowers]]:
    """Start Flower and wait until each vhost's answers."""
    started: list[Flowers] = []

    def run(*program: str) -> Flowers:
        started.append(Flowers(tmp_path, *program))
        started[0].wait_for(lambda: all(started[0].status(vhost) == 200 for vhost in started[0].places))
        return started[0]

    yield run
    for each in started:
        each.end()


@pytest.mark.slow
def test_each_answers_at_its_own_address_only_and_all_save_what_they_show(start: Callable[..., Flowers]) -> None:
    flowers = start()

    assert flowers.status("shop", of="house") == flowers.status("house", "vhost/shop/healthcheck") == 404
    assert flowers.status("house", "api/tasks") == flowers.status("shop", "api/tasks") == 401, "each asks for the login"

    flowers.process.terminate()
    assert flowers.process.wait(30) == 0
    assert (flowers.directory / "state").exists()
    assert (flowers.directory / "state-shop").exists()


@pytest.mark.slow
def test_one_that_hangs_silences_no_other(start: Callable[..., Flowers]) -> None:
    flowers = start("-c", HANGING)

    flowers.process.send_signal(signal.SIGUSR1)

    flowers.wait_for(lambda: flowers.status("house") == 0)
    assert flowers.status("shop") == 200
    flowers.process.terminate()
    assert flowers.process.wait(30) == 0, "a stop does not wait for it"
    assert (flowers.directory / "state-shop").exists()


@pytest.mark.slow
def test_one_that_fails_ends_the_process_and_is_named(tmp_path: Path) -> None:
    flowers = Flowers(tmp_path, "-c", TAKEN)
    try:
        assert flowers.process.wait(60) == 1
    finally:
        flowers.end()

    assert "the Flower of vhost shop has failed" in flowers.log.read_text()
    assert (flowers.directory / "state").exists(), "the other one has saved what it shows"


@pytest.mark.slow
def test_it_restarts_in_place_when_the_contracts_change(start: Callable[..., Flowers]) -> None:
    flowers = start()

    (flowers.directory / "vhosts.json").write_text("{")
    flowers.wait_for(lambda: "vhosts.json" in flowers.log.read_text())
    assert flowers.status("house") == 200, "a half-written file changes nothing"
    flowers.places["more"] = flowers.place(free_ports(1)[0], "vhost/more/")
    flowers.write()

    flowers.wait_for(lambda: flowers.status("more") == 200)
    assert flowers.status("house") == flowers.status("shop") == 200
    assert flowers.process.poll() is None
    assert (flowers.directory / "state-shop").exists()
    flowers.process.terminate()
    assert flowers.process.wait(30) == 0


class Page(http.server.BaseHTTPRequestHandler):
    """Answers at one address."""

    def do_GET(self) -> None:
        self.send_response_only(200 if self.path == "/flower/healthcheck" else 404)
        self.end_headers()


def test_it_is_healthy_only_while_each_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
