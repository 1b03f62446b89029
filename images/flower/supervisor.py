"""Keeps a process for each vhost running, as a fork of this one."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Seconds between two checks of the processes.
INTERVAL = 1.0
STOP = {signal.SIGTERM, signal.SIGINT}
#: Source of the number: prctl(2), PR_SET_PDEATHSIG.
DIE_WITH_PARENT = 1

logger = logging.getLogger(__name__)


def supervise(vhosts: Iterable[str], watch: Callable[[str], None], is_over: Callable[[], bool]) -> None:
    """Keep a process for each vhost running until the end; return when all have ended.

    Args:
        vhosts: the names of the vhosts.
        watch: the program of a process; its argument is the vhost.
        is_over: returns whether all must end; it is called each second. SIGTERM ends them, too.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)  # for sigtimedwait, which misses no signal
    running = {vhost: fork(watch, vhost) for vhost in vhosts}
    while not signal.sigtimedwait(STOP, INTERVAL) and not is_over():
        for vhost, pid in running.items():
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                logger.warning("the process of vhost %s has ended; it is restarted", vhost)
                running[vhost] = fork(watch, vhost)
    for pid in running.values():
        os.kill(pid, signal.SIGTERM)
    for pid in running.values():
        os.waitpid(pid, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)


def fork(watch: Callable[[str], None], vhost: str) -> int:
    """Start the process of a vhost, and return its id; it ends when this process ends for any reason."""
    if pid := os.fork():
        return pid
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
    watch(vhost)
    sys.exit()  # only the parent may return
