"""The faults of a file: a readable number of them, and their total."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: The most listed faults; the others are only counted.
LISTED = 100


@dataclass(frozen=True)
class Fault:
    """One fault.

    Args:
        line: the number of the faulty row's first line, from 1.
        message: the description.
        column: the column's name, if the fault is in one.
    """

    line: int
    message: str
    column: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as JSON."""
        return {"line": self.line, "column": self.column, "message": self.message}


@dataclass
class Faults:
    """The faults of one file."""

    total: int = 0
    listed: list[Fault] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there are any faults."""
        return self.total > 0

    def add(self, line: int, message: str, column: str | None = None) -> None:
        """Count a fault, and store it if it is among the first."""
        self.total += 1
        if len(self.listed) < LISTED:
            self.listed.append(Fault(line, message, column))


class FaultyFileError(Exception):
    """A file that is not stored because of its faults.

    Args:
        faults: the faults.
    """

    def __init__(self, faults: Faults) -> None:
        super().__init__(f"the file has {faults.total} faults" if faults.total > 1 else "the file has a fault")
        self.faults = faults
