"""One kind of ``./stack bench`` in one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from tests.bench.place import Place


@dataclass(frozen=True)
class Run:
    """A run.

    Args:
        place: the names of all that it makes in Docker.
        options: those of ``./stack bench``.
        rounds: how often each case is measured.
        seconds: the length of each measurement.
    """

    place: Place
    options: argparse.Namespace
    rounds: int
    seconds: int
