"""A program that a test starts as a container does: with signals as they are there, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The caller of the tests may ignore a signal (nohup does), and a shell cannot trap one that was ignored before.
DEFAULTS = ("env", "--default-signal=HUP,INT,QUIT,TERM,USR1,USR2")


@contextmanager
def started(*command: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a program, and kill it with all that it has started when the body ends, or when it takes too long.

    Args:
        command: the argument list.
        env: all of its environment.
    """
    with subprocess.Popen(
        [*DEFAULTS, *command], stdout=subprocess.PIPE, text=True, env=env, start_new_session=True
    ) as process:
        too_late = threading.Timer(60 * PATIENCE, _end, [process])  # or a read without output would never end
        too_late.start()
        try:
            yield process
        finally:
            too_late.cancel()
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(process.pid, signal.SIGKILL)
