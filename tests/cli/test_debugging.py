"""``./stack debug`` runs a service in the terminal instead of its container, and starts that again in every case."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from cli import commands, compose, console, debugging, main, process
from cli.process import Output
from cli.settings import ROOT

SERVICES = sorted(commands.debugged())


class Runs:
    """Replaces the function that runs commands.

    Args:
        failing: the verb of a command that fails.
        raising: the exception that the command in the foreground raises.
    """

    def __init__(self, failing: str = "", raising: BaseException | None = None) -> None:
        self.verbs: list[str] = []
        self._failing, self._raising = failing, raising

    def __call__(self, command: list[str]) -> int:
        verb = command[4]
        self.verbs.append(verb)
        if verb == "run" and self._raising:
            raise self._raising
        return int(verb == self._failing)


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "may_ask", lambda: True)
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.fixture(autouse=True)
def removed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the removed containers."""
    names: list[str] = []

    def capture(command: list[str]) -> Output:
        assert command[:3] == ["docker", "rm", "--force"]
        names.append(command[3])
        return Output(0)

    monkeypatch.setattr(process, "capture", capture)
    return names


@pytest.mark.parametrize("service", SERVICES)
def test_it_stops_the_service_runs_it_here_and_puts_it_back(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    runs = Runs()
    monkeypatch.setattr(process, "run", runs)

    assert main.main(["debug", service]) == 0
    assert runs.verbs == ["stop", "run", "up"]


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(129)])
def test_it_puts_the_service_back_whatever_ends_it(
    monkeypatch: pytest.MonkeyPatch, removed: list[str], end: BaseException
) -> None:
    runs = Runs(raising=end)
    monkeypatch.setattr(process, "run", runs)

    with pytest.raises(type(end)):
        debugging.debug("worker")
    assert runs.verbs == ["stop", "run", "up"]
    assert removed == [debugging.container("worker")], "Compose may have left it behind"


def test_nothing_fails_at_printing_to_a_terminal_that_was_closed() -> None:
    program = "from cli import debugging\ntry:\n    debugging.hang_up()\nfinally:\n    print('lost', flush=True)"
    closed, ours = os.pipe()
    os.close(closed)
    with os.fdopen(ours, "w") as terminal:
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=terminal, stderr=terminal, check=False)

    assert done.returncode == debugging.HUNG_UP


def test_it_says_so_where_the_service_is_not_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(process, "run", Runs(failing="up"))

    assert main.main(["debug", "worker"]) == 1
    assert "worker is not back\n  ./stack up puts it back" in capsys.readouterr().err


def test_it_starts_nothing_beside_a_service_that_does_not_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(failing="stop")
    monkeypatch.setattr(process, "run", runs)

    assert main.main(["debug", "worker"]) == 1
    assert runs.verbs == ["stop"]


def test_it_stops_nothing_where_nobody_sits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs()
    monkeypatch.setattr(process, "run", runs)
    monkeypatch.setattr(console, "may_ask", lambda: False)

    assert main.main(["debug", "worker"]) == 1
    assert not runs.verbs
    assert "a debugger needs a terminal" in capsys.readouterr().err


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_stands_between_the_debugger_and_the_terminal(service: str) -> None:
    command = debugging.foreground(service)

    assert "--use-aliases" in command
    assert "json-lines" not in command
    assert not {"-T", "--no-TTY", "--detach"} & set(command)


def test_a_service_that_cannot_be_debugged_is_refused_with_those_that_can(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["debug", "nginx"])
    assert "choose from 'web-django', " in capsys.readouterr().err


def test_one_service_is_put_back_and_no_other() -> None:
    assert compose.put_back("worker")[-2:] == ["--no-deps", "worker"]
