"""Records the starts and waits of tests, and their durations, for the table "Starts and waits" of each run."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.report import TIMINGS

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Record how long the body takes, whether or not it succeeds.

    Args:
        what: the row of the table.
    """
    began = time.monotonic()
    try:
        yield
    finally:
        note(what, time.monotonic() - began)


def note(what: str, seconds: float) -> None:
    """Record a duration.

    Args:
        what: the row of the table.
        seconds: the duration.
    """
    line = json.dumps({"what": what, "seconds": round(seconds, 2)})
    TIMINGS.parent.mkdir(parents=True, exist_ok=True)
    with TIMINGS.open("a", encoding="utf-8") as file:  # one short write: several programs share the file
        file.write(f"{line}\n")
