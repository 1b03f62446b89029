"""Docker's process shows whether Docker needs a restart: Debian's packages do not restart it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = ROOT / "ansible/roles/docker/files/stale-docker"
SYSTEMCTL = """#!/bin/sh
case "$*" in
    *MainPID*) echo {process} ;;
    *Timestamp*) date --date=@{started} '+%a %Y-%m-%d %H:%M:%S %Z' ;;
esac
"""


@contextmanager
def daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in place of Docker."""
    program = folder / "dockerd"
    shutil.copy(shutil.which("sleep") or "sleep", program)
    process = subprocess.Popen([str(program), "600"])
    yield process
    process.kill()
    process.wait()


def said(folder: Path, process: int, started: float | None = None) -> list[str]:
    """Return the script's output for a process."""
    systemctl = folder / "systemctl"
    systemctl.write_text(SYSTEMCTL.format(process=process, started=int(started or time.time())), encoding="ascii")
    systemctl.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "TZ": "UTC"}
    command = ["sh", str(SCRIPT), str(folder / "daemon.json")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_docker_that_is_as_it_would_start_now_is_not_stale(tmp_path: Path) -> None:
    with daemon(tmp_path) as process:
        assert said(tmp_path, process.pid) == []
        (tmp_path / "daemon.json").write_text("{}")
        assert said(tmp_path, process.pid, time.time() + 60) == []


def test_an_updated_docker_is_stale_until_it_starts_anew(tmp_path: Path) -> None:
    with daemon(tmp_path) as process:
        new = tmp_path / "dockerd.dpkg-new"
        new.write_text("another one")
        new.replace(tmp_path / "dockerd")
        assert said(tmp_path, process.pid) == ["Docker was updated and has not been restarted since"]


def test_a_configuration_that_is_newer_than_docker_is_named(tmp_path: Path) -> None:
    with daemon(tmp_path) as process:
        (tmp_path / "daemon.json").write_text("{}")
        found = said(tmp_path, process.pid, time.time() - 3600)
        assert found == [f"{tmp_path}/daemon.json has changed since Docker started"]


def test_a_docker_that_does_not_run_is_named(tmp_path: Path) -> None:
    assert said(tmp_path, 0) == ["Docker does not run"]
