"""What is wrong with a file: as many faults as someone can read, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Faults that are listed; the others are counted.
LISTED = 100


@dataclass(frozen=True)
class Fault:
    """One fault.

    Args:
        line: the file's line that the faulty row begins on, from 1.
        message: what is wrong.
        column: the column's name, if one is to blame.
    """

    line: int
    message: str
    column: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as JSON has it."""
        return {"line": self.line, "column": self.column, "message": self.message}


@dataclass
class Faults:
    """The faults of one file."""

    total: int = 0
    listed: list[Fault] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self.total > 0

    def add(self, line: int, message: str, column: str | None = None) -> None:
        """Count a fault, and keep it if it is among the first."""
        self.total += 1
        if len(self.listed) < LISTED:
            self.listed.append(Fault(line, message, column))


class FaultyFileError(Exception):
    """A file that is not stored because of its faults.

    Args:
        faults: them.
    """

    def __init__(self, faults: Faults) -> None:
        super().__init__(f"the file has {faults.total} faults" if faults.total > 1 else "the file has a fault")
        self.faults = faults
