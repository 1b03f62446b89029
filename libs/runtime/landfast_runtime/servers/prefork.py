"""Bjoern in several processes that share one socket. Bjoern itself is a library of one process and one thread.

Usage: ``python -m landfast_runtime.servers.prefork APPLICATION PORT PROCESSES``

It cannot stop gently: its loop takes connections until its process ends.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import bjoern  # type: ignore[import-not-found] # only images of the target any-server have it

from landfast_runtime.servers.commands import BACKLOG
from landfast_runtime.servers.loading import load

if TYPE_CHECKING:
    from types import FrameType


def main(application: str, port: str, processes: str) -> int:
    """Start the processes, and end all of them with the first one: the container starts again then."""
    listener = bjoern.bind_and_listen("0.0.0.0", int(port), listen_backlog=BACKLOG)  # noqa: S104 - the container's networks
    children: list[int] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)

    for _ in range(int(processes)):
        child = os.fork()
        if child == 0:
            bjoern.server_run(listener, load(application))  # each process loads it: a fork shares no connection
            return 1  # it has no reason to end
        children.append(child)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    ended, status = os.wait()
    children.remove(ended)
    stop(signal.SIGTERM, None)
    while children:
        children.remove(os.wait()[0])
    # After a signal that was meant for all of them there is nothing to complain of.
    return 0 if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
