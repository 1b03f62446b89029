"""The bodies of the tasks, for all frameworks: an effect in the database, and one outside."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING

from ledger.entry import BOOK

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.entry import Entry

#: The name of the actor that books what the API accepts for Dramatiq's worker.
ACTOR = "ledger.book_by_dramatiq"

RECORDER = "http://recorder:8000/"

#: Seconds that the recorder may take to confirm that a line is on its disk.
TIMEOUT = 20


def book(execute: Callable[[str, dict[str, str]], object], entry: Entry, task: str) -> None:
    """Have both effects.

    Args:
        execute: runs a statement in the transaction that completes the task.
        entry: what is booked.
        task: the task's id.
    """
    execute(BOOK, entry.row(task))
    report(task, entry)


def report(task: str, entry: Entry) -> None:
    """Have the effect outside, which no transaction holds, and then go on working."""
    line = f"{entry.run} {entry.entry}".encode()
    request = urllib.request.Request(RECORDER, line, {"Idempotency-Key": task}, method="POST")
    with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
        time.sleep(entry.work)
