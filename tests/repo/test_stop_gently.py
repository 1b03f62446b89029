"""The program that delays the stop of a container's server for the time that visitors need."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.settings import ROOT
from tests.support.started import started
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = ROOT / "images/base/bin/stop-gently"

#: Prints the signals that it receives, and ends with a different status at each signal that ends a server.
LISTENER = """
trap 'echo USR1' USR1; trap 'echo HUP' HUP
trap 'echo TERM; exit 7' TERM; trap 'echo QUIT; exit 8' QUIT
echo up; while :; do sleep 0.05; done
"""

#: Sends one visitor as much as the kernel's buffers take, and ends: at once, or at SIGTERM.
SERVER = """
import select, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    visitor, _ = listener.accept()
visitor.setblocking(False)
try:
    while True:
        visitor.send(b"x" * 65536)
except BlockingIOError:
    print("full", flush=True)
while "stays" in sys.argv:
    signal.pause()
"""


@contextmanager
def stopped_gently(*command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command under the program."""
    with started(str(PROGRAM), *command, env={"PATH": "/usr/bin:/bin", **variables}) as process:
        yield process


def says(process: subprocess.Popen[str]) -> str:
    """Return the next line of the command's output."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextmanager
def visited(*arguments: str, linger: str) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """Run a server with an answer that the kernel has not sent completely yet."""
    with (
        stopped_gently(sys.executable, "-c", SERVER, *arguments, STOP_LINGER=linger) as process,
        socket.create_connection(("127.0.0.1", int(says(process)))) as visitor,
    ):
        assert says(process) == "full"
        yield process, visitor


def test_without_a_variable_it_becomes_the_command() -> None:
    with stopped_gently("/bin/sh", "-c", "echo $$") as process:
        assert int(says(process)) == process.pid


def test_sigterm_goes_on_after_the_delay_and_the_exit_status_comes_back() -> None:
    with stopped_gently("/bin/sh", "-c", LISTENER, STOP_DELAY="1") as process:
        assert says(process) == "up"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)

        assert says(process) == "TERM"
        assert time.monotonic() - began > 0.9
        assert process.wait(PATIENCE * 30) == 7


def test_other_signals_go_on_at_once() -> None:
    with stopped_gently("/bin/sh", "-c", LISTENER, STOP_DELAY="3600") as process:
        assert says(process) == "up"
        for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGQUIT):
            process.send_signal(number)
            assert says(process) == number.name.removeprefix("SIG")

        assert process.wait(PATIENCE * 30) == 8


def test_a_command_that_a_signal_kills_ends_as_a_shell_has_it() -> None:
    with stopped_gently("/bin/sh", "-c", "kill -KILL $$", STOP_DELAY="1") as process:
        assert process.wait(PATIENCE * 30) == 128 + signal.SIGKILL


def test_who_was_asked_to_stop_stays_until_the_visitor_has_all() -> None:
    with visited("stays", linger="3600") as (process, visitor):
        process.terminate()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: not children.read_text(), 10, "the server's end")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)

        while visitor.recv(1 << 20):
            pass
        assert process.wait(PATIENCE * 30) == 3


def test_a_visitor_who_takes_nothing_is_waited_for_no_longer_than_that() -> None:
    with visited("stays", linger="1") as (process, _):
        process.terminate()

        assert process.wait(PATIENCE * 30) == 3


def test_a_server_that_ends_by_itself_is_gone_at_once() -> None:
    with visited(linger="3600") as (process, _):
        assert process.wait(PATIENCE * 30) == 0


def test_a_command_that_is_not_there_is_named() -> None:
    run = subprocess.run([str(PROGRAM), "/no/such"], capture_output=True, text=True, timeout=PATIENCE * 30, check=False)

    assert run.returncode != 0
    assert "stop-gently: cannot run /no/such" in run.stderr
