"""Runs of ``./stack`` and its modules, without Docker and without changes of the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cli import console, host, machine, main, process
from cli.console import Phases, StackError
from cli.settings import ROOT
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a folder that replaces the checkout; its name has a space, as users' folders may."""
    folder = tmp_path / "my stack"
    (folder / "ansible").mkdir(parents=True)
    (folder / "ansible" / "requirements.txt").write_text("", encoding="ascii")
    monkeypatch.setattr(host, "ROOT", folder)
    monkeypatch.setattr(host, "ANSIBLE", folder / "ansible")
    monkeypatch.setattr(host, "VENV", folder / ".venv" / "ansible")
    return folder


def test_it_explains_its_commands_from_any_directory(tmp_path: Path) -> None:
    shown = subprocess.run([ROOT / "stack", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    for command in ("up", "down", "doctor", "test", "secret"):
        assert f"\n    {command} " in shown


@pytest.mark.parametrize("arguments", [[], ["frobnicate"], ["up", "--frobnicate"], ["secret"]])
def test_it_refuses_bad_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main.main(arguments)
    assert stopped.value.code == 2
    assert "usage: ./stack" in capsys.readouterr().err


def test_it_says_that_a_stack_which_was_never_started_has_no_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "mine")
    asked: list[list[str]] = []

    def capture(command: list[str]) -> process.Output:
        asked.append(command)
        return process.Output(1, stderr="Error response from daemon: get mine_secrets: no such volume")

    monkeypatch.setattr(process, "capture", capture)

    assert main.main(["secret", "admin_password"]) == 1
    assert asked == [["docker", "volume", "inspect", "--format", "{{.Name}}", "mine_secrets"]]
    assert capsys.readouterr().err == "./stack: 'mine' has no secrets yet\n  ./stack up makes them\n"


def test_it_ends_without_a_complaint_when_nobody_reads_on() -> None:
    quiet = "main.doctor.doctor = lambda: print('x' * 99999) or 0"
    code = f"import sys; from cli import main; {quiet}; sys.exit(main.main(['doctor']))"
    running = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout
    running.stdout.close()
    _, complaint = running.communicate(timeout=PATIENCE * 30)
    assert (running.returncode, complaint) == (main.UNREAD, "")


def test_it_does_not_delete_data_where_nobody_can_be_asked(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "may_ask", lambda: False)
    assert main.main(["down", "--volumes"]) == 1
    assert "--volumes --yes" in capsys.readouterr().err
    assert checkout.exists()


def test_it_ends_with_one_line_when_it_is_interrupted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "dispatch", interrupt)
    assert main.main(["up"]) == 130
    assert capsys.readouterr().err.strip().count("\n") == 0


def test_it_lets_an_interrupted_program_tidy_up(tmp_path: Path) -> None:
    program = f"trap 'echo tidied > {tmp_path}/tidied; exit' TERM; touch {tmp_path}/ready; while :; do sleep 0.05; done"
    code = f"from cli import process; process.TIDY_UP = (0, {PATIENCE * 5}); process.run(['sh', '-c', {program!r}])"
    running = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_until((tmp_path / "ready").exists, 10, "the program to begin")
    running.send_signal(signal.SIGINT)
    running.wait(PATIENCE * 10)
    assert (tmp_path / "tidied").read_text(encoding="ascii") == "tidied\n"


def test_it_refuses_to_run_twice_at_once(checkout: Path) -> None:
    with host.only_one("up"), pytest.raises(StackError, match=f"process {os.getpid()}"), host.only_one("up"):
        pass
    with host.only_one("up"):
        assert (checkout / ".cache" / "up.lock").exists()


def test_it_makes_a_half_made_environment_anew_and_keeps_a_whole_one(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def made(command: list[str], **_: object) -> int:
        commands.append(command)
        (host.VENV / "bin").mkdir(parents=True, exist_ok=True)
        (host.VENV / "bin" / "python").touch()
        return 0

    monkeypatch.setattr(process, "run", made)
    left_behind = host.VENV / "bin" / "half"
    left_behind.parent.mkdir(parents=True)
    left_behind.touch()
    python = host.ansible_python()
    assert not left_behind.exists()
    assert commands == [
        [sys.executable, "-m", "venv", str(host.VENV)],
        [
            str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
            "--requirement", str(checkout / "ansible" / "requirements.txt"),
        ],
    ]  # fmt: skip
    assert host.ansible_python() == python
    assert len(commands) == 2


def test_it_makes_the_environment_anew_when_its_lock_changes(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object, **__: object) -> int:
        (host.VENV / "bin").mkdir(parents=True, exist_ok=True)
        (host.VENV / "bin" / "python").touch()
        return 0

    monkeypatch.setattr(process, "run", made)
    host.ansible_python()
    before = (host.VENV / "complete").read_text(encoding="ascii")
    (checkout / "ansible" / "requirements.txt").write_text("ansible-core==9", encoding="ascii")
    host.ansible_python()
    assert (host.VENV / "complete").read_text(encoding="ascii") != before


def test_it_reports_a_program_that_is_missing_or_hangs() -> None:
    assert process.capture(["no-such-program"]).code == process.NOT_FOUND
    assert process.capture(["sleep", "5"], timeout=0.1).code == process.TIMED_OUT


def test_it_measures_the_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    found = machine.free_disk(tmp_path / "var" / "lib" / "docker")
    assert found == pytest.approx(machine.free_disk(tmp_path), rel=0.1)  # other processes write in the meantime


def test_it_adds_the_phases_of_a_run_that_began_again() -> None:
    phases = Phases()
    with phases.phase("Docker"):
        pass
    phases.hand_on()
    resumed = Phases()
    with resumed.phase("images"):
        pass
    assert [name for name, _ in resumed.rows()] == ["Docker", "images", "all"]
    assert Phases().rows() == [("all", "   0.0 s")]
