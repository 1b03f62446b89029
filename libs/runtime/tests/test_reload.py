"""The laptop's reloader: a saved file restarts the command, and the reloader ends with the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from landfast_runtime.worker import reload
from landfast_testing.waiting import DEADLINE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
#: A stand-in for a worker: records its start, then waits; it handles SIGTERM.
COMMAND = (
    "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0));"
    "open('starts', 'a').write('x'); time.sleep(60)"
)


@pytest.fixture
def reloader(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    variables = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "landfast_runtime.worker.reload", sys.executable, "-c", COMMAND],
        cwd=tmp_path,
        env=variables,
    )
    wait_for_starts(tmp_path, 1)
    yield process
    process.kill()
    process.wait()


def wait_for_starts(folder: Path, number: int) -> None:
    starts = folder / "starts"
    wait_until(
        lambda: starts.exists() and len(starts.read_text()) >= number, f"the command did not start {number} times"
    )


def test_a_saved_file_starts_the_command_again(reloader: subprocess.Popen[bytes], tmp_path: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while len((tmp_path / "starts").read_text()) < 2:  # the watcher may start a moment after the command
        assert time.monotonic() < deadline
        (tmp_path / "code.py").write_text(f"# saved at {time.monotonic()}\n")
        time.sleep(0.2)
    assert reloader.poll() is None


def test_it_ends_with_its_command(reloader: subprocess.Popen[bytes]) -> None:
    children = Path(f"/proc/{reloader.pid}/task/{reloader.pid}/children").read_text()
    os.kill(int(children), signal.SIGKILL)
    assert reloader.wait(timeout=DEADLINE) == 128 + signal.SIGKILL


def test_a_stop_reaches_the_command(reloader: subprocess.Popen[bytes]) -> None:
    reloader.terminate()
    assert reloader.wait(timeout=DEADLINE) == 0


def test_it_restarts_for_saved_files_and_gives_the_command_s_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def watch(*folders: Path, **_: object) -> Iterator[set[str]]:
        assert folders == (tmp_path,)
        yield set()
        wait_for_starts(tmp_path, 1)
        yield {"code.py"}
        wait_for_starts(tmp_path, 2)
        (tmp_path / "end").touch()

    monkeypatch.setattr(reload, "watch", watch)
    noting = (
        "import pathlib, sys, time; open('starts', 'a').write('x')\n"
        "while not pathlib.Path('end').exists(): time.sleep(0.05)\n"
        "sys.exit(7)"
    )
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        assert reload.main([sys.executable, "-c", noting], [tmp_path]) == 7
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert (tmp_path / "starts").read_text() == "xx"
