"""How much memory this process holds, and by how much it may grow before it wants to be replaced.

Growth is counted, not size: most of what a process holds it has in common with the one that it was forked from, and an
application that needs much from its start on must not be replaced for that.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MIB = 1 << 20

#: Where the kernel says how many bytes this container may hold: cgroups v2, and v1.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

#: Bytes of the container that no process may grow into: a health check's process holds 40 to 60 MiB while it runs
#: (measured), and a task is looked at after its end: what the last one takes above the limit has to fit.
RESERVE = 128 * MIB

#: Bytes that a process may grow by in the smallest of containers: less would replace it for what its tasks import.
LEAST = 32 * MIB

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Return how many bytes this process holds in memory right now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def available() -> int:
    """Return how many bytes this container may hold; without a limit, how many the machine has."""
    found = [os.sysconf("SC_PHYS_PAGES") * _PAGE]
    for path in LIMITS:
        with suppress(OSError, ValueError):  # there is the file of one version alone; it may say "max"
            found.append(int(path.read_text(encoding="ascii")))
    return min(found)


def growth(wanted: int, processes: int) -> int:
    """Return by how many bytes each process may grow from now on.

    Args:
        wanted: the same as somebody set it, in MiB; 0: an equal share of what this container has left.
        processes: how many share it.
    """
    return wanted * MIB if wanted else max(LEAST, (available() - resident() - RESERVE) // processes)
