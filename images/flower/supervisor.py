"""Keeps a process for each vhost running, forked from this one."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Seconds between two looks at what runs.
INTERVAL = 1.0
STOP = {signal.SIGTERM, signal.SIGINT}
#: Source of the number: prctl(2), PR_SET_PDEATHSIG.
DIE_WITH_PARENT = 1

logger = logging.getLogger(__name__)


def supervise(vhosts: Iterable[str], watch: Callable[[str], None], is_over: Callable[[], bool]) -> None:
    """Keep a process for each vhost running until all shall end; return when they have.

    Args:
        vhosts: their names.
        watch: is the process of a vhost, until that shall end.
        is_over: whether all shall end; it is asked each second. SIGTERM ends them, too.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)  # for sigtimedwait, which misses none
    running = {vhost: fork(watch, vhost) for vhost in vhosts}
    while not signal.sigtimedwait(STOP, INTERVAL) and not is_over():
        for vhost, pid in running.items():
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                logger.warning("the process of vhost %s has ended; it is started again", vhost)
                running[vhost] = fork(watch, vhost)
    for pid in running.values():
        os.kill(pid, signal.SIGTERM)
    for pid in running.values():
        os.waitpid(pid, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)


def fork(watch: Callable[[str], None], vhost: str) -> int:
    """Start the process of a vhost, which ends when this one does, however that is; return its number."""
    if pid := os.fork():
        return pid
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
    watch(vhost)
    sys.exit()  # the rest is the parent's
