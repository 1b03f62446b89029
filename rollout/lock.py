"""The lock that allows one deploy at a time on this cluster."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rollout.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = Path("/run/lock/landfast-deploy")
INTERVAL = 1.0
#: Every lock of this machine, by device and inode.
LOCKS = Path("/proc/locks")
#: Seconds that a holder may take to write its description.
DESCRIPTION_TIMEOUT = 2.0


@contextmanager
def only_one(what: str, release: str, who: str, *, since: str, patience: float, path: Path = PATH) -> Iterator[None]:
    """Hold the lock during the block; the kernel releases it when this process ends for any reason.

    If the same release is being deployed already (an interrupted playbook left its rollout running), wait for its end.

    Args:
        what: deploy, rollback ...
        release: the release.
        who: the operator.
        since: the current time, for messages to others.
        patience: seconds to wait for the same release.
        path: the lock's file.

    Raises:
        BusyError: another process holds the lock.
    """
    with path.open("a+", encoding="utf-8") as file:
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder, waited = read(path), time.monotonic() - began
                limit = DESCRIPTION_TIMEOUT if not holder else patience if holder.get("release") == release else 0
                if waited >= limit:
                    raise BusyError(describe(holder)) from None
                time.sleep(INTERVAL)
        file.truncate(0)
        json.dump({"what": what, "release": release, "who": who, "since": since}, file)
        file.flush()
        yield
        file.truncate(0)


def held(path: Path = PATH) -> bool:
    """Return whether a process holds the lock, without taking it: a deploy at that moment would be refused."""
    try:
        found, locks = path.stat(), LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    wanted = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    return any({"FLOCK", wanted} <= set(line.split()) for line in locks)


def read(path: Path = PATH) -> dict[str, str]:
    """Return the description that the lock's holder has written."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def describe(holder: dict[str, str]) -> str:
    """Return a sentence about the lock's holder."""
    what, release, who, since = (holder.get(key, "?") for key in ("what", "release", "who", "since"))
    return f"{what} of {release} by {who} is at work since {since}"
