"""Output for people: lines, questions, and a table of the phases' durations."""

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
    """An error that ends ``./stack``.

    Args:
        problem: the problem.
        remedy: the remedy, in words or as a command.
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
    """Ask on the terminal; only "y" or "yes" counts as agreement. The end of input is a no."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        print()
        return False


def may_ask() -> bool:
    """Return whether a user at a terminal can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


class Phases:
    """Measures the phases of a run, even if the run restarts as another process."""

    def __init__(self) -> None:
        """Continue with the phases of the previous process, if there is one."""
        self._seconds: list[tuple[str, float]] = json.loads(os.environ.pop(PHASES_SO_FAR, "[]"))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure the block as the phase ``name``."""
        started = time.monotonic()
        yield
        self._seconds.append((name, time.monotonic() - started))

    def hand_on(self) -> None:
        """Pass the phases so far to the process that replaces this one."""
        os.environ[PHASES_SO_FAR] = json.dumps(self._seconds)

    def rows(self) -> list[tuple[str, str]]:
        """Return each phase with its seconds, and the total."""
        total = sum(seconds for _, seconds in self._seconds)
        return [(name, f"{seconds:6.1f} s") for name, seconds in [*self._seconds, ("all", total)]]
