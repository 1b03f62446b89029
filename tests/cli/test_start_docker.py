"""The script that starts dockerd without systemd, with fake programs instead of Docker's and the system's."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from cli.host import START_DOCKER

if TYPE_CHECKING:
    from pathlib import Path

#: Ways to start the daemon: systemd, its init script, or the daemon itself in the background.
WAYS = ("systemctl", "service", "start-stop-daemon")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder of fake programs. ``docker`` answers once the file ``up`` exists; no program makes it yet."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder, "docker", f"[ -e {tmp_path}/up ]")
    program(folder, "dockerd", "exit 1")
    program(folder, "journalctl", "echo 'the last words'")
    for way in WAYS:
        program(folder, way, f"echo {way} >>{tmp_path}/tried; exit 1")
    return folder


def program(folder: Path, name: str, script: str) -> None:
    """Write a one-line program."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    path.chmod(0o755)


def start(programs: Path, seconds: int = 5) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    environment = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    command = ["sh", str(START_DOCKER), str(seconds)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_it_leaves_a_daemon_alone_that_answers(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "up").touch()
    result = start(programs)
    assert (result.returncode, result.stdout) == (0, "running\n")
    assert not (tmp_path / "tried").exists()


@pytest.mark.parametrize("way", ["the system's own way", "the last resort"])
def test_it_starts_a_daemon_that_does_not_answer(programs: Path, tmp_path: Path, way: str) -> None:
    for name in WAYS if way == "the system's own way" else ("systemctl", "start-stop-daemon"):
        program(programs, name, f"touch {tmp_path}/up")
    result = start(programs)
    assert (result.returncode, result.stdout) == (0, "started\n"), result.stderr


def test_it_gives_up_in_time_and_says_so(programs: Path) -> None:
    result = start(programs, seconds=1)
    assert result.returncode == 1
    assert "dockerd does not answer; its last words:" in result.stderr
