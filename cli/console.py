"""What a person sees: lines, questions, and a table of how long each phase took."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PHASES_SO_FAR = "STACK_PHASES_SO_FAR"


class StackError(Exception):
    """Something that ``./stack`` cannot go on with.

    Args:
        problem: what is wrong.
        remedy: the way out, in words or as a command.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        """Join both into the message."""
        super().__init__(f"{problem}\n  {remedy}" if remedy else problem)


def heading(text: str) -> None:
    """Print ``text`` as the start of a new phase."""
    bold = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(f"\033[1m{text}\033[0m" if bold else text, flush=True)


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Return ``rows`` as lines with aligned columns, indented by two."""
    table = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table)]
    return "\n".join("  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in table)


def confirm(question: str) -> bool:
    """Ask on the terminal; only a plain yes counts. The end of input is a no."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        print()
        return False


def may_ask() -> bool:
    """Return whether somebody sits at a terminal who can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


class Phases:
    """Measures the phases of a run, also of one that has to begin again as another process."""

    def __init__(self) -> None:
        """Go on from the phases that the process before this one left."""
        self._seconds: list[tuple[str, float]] = json.loads(os.environ.pop(PHASES_SO_FAR, "[]"))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure what runs inside as the phase ``name``."""
        started = time.monotonic()
        yield
        self._seconds.append((name, time.monotonic() - started))

    def hand_on(self) -> None:
        """Leave the phases so far to the process that takes this one's place."""
        os.environ[PHASES_SO_FAR] = json.dumps(self._seconds)

    def rows(self) -> list[tuple[str, str]]:
        """Return each phase with its seconds, and the sum."""
        total = sum(seconds for _, seconds in self._seconds)
        return [(name, f"{seconds:6.1f} s") for name, seconds in [*self._seconds, ("all", total)]]
