"""A web server's process that has grown too much is renewed, and no request fails.

The processes here are gunicorn's; the stack's tests renew uWSGI's, too.
"""

from __future__ import annotations

import http.client
import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from landfast_runtime import memory, renewal
from landfast_runtime.memory import MIB
from landfast_runtime.renewal import Renewed
from landfast_testing.waiting import DEADLINE, wait_until

from tests.servers import unused_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: A site whose requests leak 1 MiB each and take 10 ms; it answers with the process and the size of the body.
LEAKING = """
import os, time

held = []


def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    held.append(os.urandom(1 << 20))
    time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {len(body)}".encode()]
"""
GUNICORN = """
from landfast_runtime.django.gunicorn import *

bind, wsgi_app, workers, threads = "127.0.0.1:{port}", "leaking:application", {workers}, 4
post_worker_init = renewed({growth})
"""
#: MiB that a process may grow by.
GROWTH = 20
REQUESTS = 200
VISITORS = 6
#: The body of a POST: more than one packet.
BODY = b"x" * 70_000


class Process:
    """A process whose size the test chooses, and the signals that it got."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mebibytes = 100
        self.signals: list[tuple[int, int]] = []
        for module in (renewal, memory):
            monkeypatch.setattr(module, "resident", lambda: self.mebibytes * MIB)
        monkeypatch.setattr(random, "uniform", lambda _least, most: most)
        monkeypatch.setattr(os, "kill", lambda *sent: self.signals.append(sent))


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(monkeypatch)


def answered(application: Renewed) -> list[bytes]:
    return list(application({}, lambda *_: lambda _: None))


def test_a_process_that_has_grown_too_much_answers_and_is_told_once_to_end(process: Process) -> None:
    application = Renewed(lambda *_: [b"answer"], 50, 2, signal.SIGHUP)
    process.mebibytes = 150
    assert answered(application) == [b"answer"]
    assert process.signals == []

    process.mebibytes = 151
    assert [answered(application) for _ in range(2)] == [[b"answer"]] * 2
    assert process.signals == [(os.getpid(), signal.SIGHUP)]


def test_a_request_that_raises_an_error_counts_too(process: Process) -> None:
    def fail(*_: Any) -> list[bytes]:  # noqa: ANN401 - what WSGI passes
        process.mebibytes = 200
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        answered(Renewed(fail, 50, 2, signal.SIGTERM))

    assert process.signals == [(os.getpid(), signal.SIGTERM)]


def test_each_process_counts_with_what_it_has_loaded(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text(str(768 * MIB))
    monkeypatch.setattr(memory, "LIMITS", (limit,))

    assert memory.growth(0, 4, loaded=4) == (768 - 4 * process.mebibytes - 128) // 4 * MIB
    assert memory.growth(0, 4, loaded=4, beside=100 * MIB) == (668 - 4 * process.mebibytes - 128) // 4 * MIB


def test_two_processes_that_grow_alike_do_not_end_together(monkeypatch: pytest.MonkeyPatch) -> None:
    held, ends = [0], []
    monkeypatch.setattr(renewal, "resident", lambda: held[0] * MIB)
    monkeypatch.setattr(os, "kill", lambda *_: ends.append(held[0]))
    applications = [Renewed(lambda *_: [], 100, 2, signal.SIGTERM) for _ in range(20)]

    for held[0] in range(102):
        for application in applications:
            answered(application)

    assert len(ends) == len(applications)
    assert 75 <= min(ends) < max(ends) <= 101


@pytest.fixture
def leaking(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[int]:
    """Run gunicorn with the settings of Django projects and a site that leaks, and yield its port."""
    port = unused_port()
    (tmp_path / "leaking.py").write_text(LEAKING, encoding="ascii")
    settings = GUNICORN.format(port=port, workers=request.param, growth=GROWTH)
    (tmp_path / "gunicorn.conf.py").write_text(settings, encoding="ascii")
    with subprocess.Popen([sys.executable, "-m", "gunicorn"], cwd=tmp_path) as master:
        wait_until(lambda: answers(port), "gunicorn does not answer")
        yield port
        master.terminate()
        assert master.wait(DEADLINE) == 0


def answers(port: int) -> bool:
    """Return whether the server answers."""
    try:
        return bool(visit(port, 1))
    except OSError:
        return False


def visit(port: int, number: int) -> int:
    """Send one request, as Nginx does: on a connection of its own. Return the process that answered."""
    body = BODY if number % 3 == 0 else None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4 * DEADLINE)
    try:
        connection.request("POST" if body else "GET", "/", body)
        answer = connection.getresponse()
        process, size = answer.read().split()
    finally:
        connection.close()
    assert answer.status == http.client.OK
    assert int(size) == len(body or b"")
    return int(process)


@pytest.mark.slow
@pytest.mark.parametrize("leaking", [1, 2], ids=["one process", "two"], indirect=True)
def test_gunicorn_renews_processes_that_leak_and_no_request_fails(leaking: int) -> None:
    with ThreadPoolExecutor(VISITORS) as pool:
        processes = list(pool.map(lambda number: visit(leaking, number), range(REQUESTS)))

    runs = {process: processes.count(process) for process in processes}
    assert len(runs) >= REQUESTS // (GROWTH + VISITORS + 1)
