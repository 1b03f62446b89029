"""This process's memory, and the limit of its growth after which it is to be replaced.

The limit is on growth, not on size: a process shares most of its memory with the process that it was forked from, and
an application that needs much memory from its start must not be replaced for that.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

MIB = 1 << 20

#: The kernel's files with this container's memory limit in bytes: cgroups v2, and v1.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

#: Bytes of the container that are reserved: a health check's process holds 40 to 60 MiB while it runs (measured), and
#: memory is checked after a task's end, so the last task's excess over the limit has to fit.
RESERVE = 128 * MIB

#: The smallest limit of growth in bytes: with less, the imports of its tasks would replace a process.
LEAST = 32 * MIB

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Return this process's resident memory in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def give_back() -> None:
    """Give freed memory back to the kernel after work that needed much; the C library would keep it for the next."""
    ctypes.CDLL(None).malloc_trim(0)


def available() -> int:
    """Return this container's memory limit in bytes; without a limit, the machine's memory."""
    found = [os.sysconf("SC_PHYS_PAGES") * _PAGE]
    for path in LIMITS:
        with suppress(OSError, ValueError):  # only the file of one version exists; it may contain "max"
            found.append(int(path.read_text(encoding="ascii")))
    return min(found)


def growth(wanted: int, processes: int, loaded: int = 1, beside: int = 0) -> int:
    """Return the bytes by which each process may grow from now on.

    Args:
        wanted: the configured limit in MiB; 0: an equal share of the container's remaining memory.
        processes: the number of processes that share it.
        loaded: the number of those that hold as much as this one, because none is a copy of another.
        beside: the bytes that other processes of the container may take.
    """
    left = available() - loaded * resident() - beside - RESERVE
    return wanted * MIB if wanted else max(LEAST, left // processes)
