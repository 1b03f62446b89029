"""Runs a command and restarts it when code is saved, on a laptop.

``python -m landfast_runtime.worker.reload COMMAND...`` watches all code on the path.

watchfiles' own command line goes on waiting for a saved file after the command has died; here the container ends with
the command, and Docker's restart policy restarts it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

from watchfiles import PythonFilter, watch

#: Milliseconds between two checks that the command still runs.
LOOK = 500


def main(command: list[str], folders: list[Path]) -> int:
    """Run ``command`` until it ends by itself or this process gets a stop signal.

    Args:
        command: an argument list. On a change it gets SIGTERM, and all the time that it needs.
        folders: folders whose Python files are watched.

    Returns:
        The command's exit status.
    """
    stopping = Event()
    child = subprocess.Popen(command)

    def stop(*_: object) -> None:
        stopping.set()
        child.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    changes = watch(
        *folders, watch_filter=PythonFilter(), stop_event=stopping, rust_timeout=LOOK, yield_on_timeout=True
    )
    for changed in changes:
        if child.poll() is not None:
            return exit_status(child)
        if changed and not stopping.is_set():
            child.terminate()
            child.wait()
            child = subprocess.Popen(command)
    return exit_status(child)


def exit_status(child: subprocess.Popen[bytes]) -> int:
    """Wait for the command and return its exit status in a shell's form."""
    status = child.wait()
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    watched = [Path(folder) for folder in os.environ["PYTHONPATH"].split(os.pathsep)]
    sys.exit(main(sys.argv[1:], watched))
