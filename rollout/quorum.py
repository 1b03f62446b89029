"""Notices within seconds that this manager reaches no majority of the managers; Docker notices it much later."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rollout.records import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rollout.records import Records

#: The file with the other managers' addresses, from the last time that they answered.
FILE = "managers.json"
#: Seconds for an answer, and how often it is asked for.
TIMEOUT, ATTEMPTS = 2.0, 2


def answers(address: str) -> bool:
    """Return whether a port answers; ``address`` is host:port."""
    host, _, port = address.rpartition(":")
    for _ in range(ATTEMPTS):
        with suppress(OSError):
            socket.create_connection((host.strip("[]"), int(port)), TIMEOUT).close()
            return True
    return False


def remember(records: Records, nodes: Iterable[Mapping[str, Any]]) -> None:
    """Keep the addresses of the other managers."""
    managers = {
        node["Description"]["Hostname"]: node["ManagerStatus"]["Addr"]
        for node in nodes
        if (node.get("ManagerStatus") or {}).get("Addr") and node["Description"]["Hostname"] != socket.gethostname()
    }
    if managers != known(records):
        with suppress(OSError):  # a full disk must not prevent a status
            write(records.folder / FILE, managers)


def known(records: Records) -> dict[str, str]:
    """Return the other managers and their addresses; none if they are not known yet."""
    with suppress(OSError, ValueError):
        return dict(json.loads((records.folder / FILE).read_text(encoding="utf-8")))
    return {}


def silent(records: Records, ask: Callable[[str], bool] = answers) -> list[str]:
    """Return the other managers that do not answer, if they are so many that this one has no majority.

    Args:
        records: the records of releases.
        ask: whether an address answers.
    """
    others = known(records)
    with ThreadPoolExecutor(len(others) or 1) as pool:
        found = [name for name, answer in zip(others, pool.map(ask, others.values()), strict=True) if not answer]
    reached, managers = 1 + len(others) - len(found), 1 + len(others)
    return [] if reached * 2 > managers else found
