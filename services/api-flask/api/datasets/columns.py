"""The columns of a dataset: their declaration, and the validation of a cell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: The columns of a file without a declaration.
DEFAULT = "day:date,category:text,quantity:integer,amount:number"

MAX_COLUMNS = 50
MAX_NAME = 63
MAX_TEXT = 1000

#: Enough digits for any sum of money, but few enough that a report's calculations stay fast.
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})", re.ASCII).fullmatch
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII).fullmatch
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII).fullmatch
_NAME = re.compile(r"[^\s:,?\x00-\x1f\x7f](?:[^:,?\x00-\x1f\x7f]*[^\s:,?\x00-\x1f\x7f])?").fullmatch


@dataclass(frozen=True)
class Column:
    """A column's name, the type of its cells, and whether they may be empty."""

    name: str
    type: str
    optional: bool = False

    @property
    def declaration(self) -> str:
        """The column's declaration."""
        return f"{self.name}:{self.type}{'?' if self.optional else ''}"

    def as_dict(self) -> dict[str, str | bool]:
        """Return the column as JSON."""
        return {"name": self.name, "type": self.type, "optional": self.optional}


def parse(text: str) -> tuple[Column, ...]:
    """Read a declaration such as ``day:date,region:text,amount:number?``.

    Args:
        text: names and types; a question mark allows empty cells.

    Raises:
        ValueError: the declaration is invalid; the message has the reason.
    """
    columns = tuple(_column(part.strip()) for part in text.split(","))
    if len(columns) > MAX_COLUMNS:
        raise ValueError(f"there are {len(columns)} columns; at most {MAX_COLUMNS} are allowed")
    names = [column.name.casefold() for column in columns]
    for column, name in zip(columns, names, strict=True):
        if names.count(name) > 1:
            raise ValueError(f"the column {column.name!r} is declared twice")
    return columns


def declaration(columns: Sequence[Column]) -> str:
    """Return the text that :func:`parse` reads."""
    return ",".join(column.declaration for column in columns)


def _column(part: str) -> Column:
    name, _, kind = (piece.strip() for piece in part.partition(":"))
    optional = kind.endswith("?")
    kind = kind.removesuffix("?")
    if not _NAME(name) or len(name) > MAX_NAME:
        raise ValueError(
            f"{name[:MAX_NAME]!r} is no name of a column: write name:type, with a name of 1 to {MAX_NAME} characters"
        )
    if kind not in CHECKS:
        raise ValueError(f"the column {name!r} has no type that is known: {', '.join(CHECKS)}")
    return Column(name, kind, optional)


def _text(cell: str) -> str:
    if len(cell) > MAX_TEXT:
        raise ValueError(f"holds {len(cell)} characters; at most {MAX_TEXT} are allowed")
    return cell


def _integer(cell: str) -> str:
    stripped = cell.strip()
    if not _INTEGER(stripped):
        raise ValueError(f"{_short(cell)} is no whole number of at most 18 digits")
    return stripped


def _number(cell: str) -> str:
    stripped = cell.strip()
    if not _NUMBER(stripped):
        hint = "; write a point before the decimals" if _NUMBER(stripped.replace(",", ".", 1)) else ""
        raise ValueError(f"{_short(cell)} is no number of at most 18 digits and 12 decimals{hint}")
    return stripped


def _date(cell: str) -> str:
    stripped = cell.strip()
    try:
        # fromisoformat also accepts 20260131 and 2026-W05-6, which no report would group with 2026-01-31.
        if _DATE(stripped) and date.fromisoformat(stripped):
            return stripped
    except ValueError:
        pass
    raise ValueError(f"{_short(cell)} is no date like 2026-01-31")


def _short(cell: str) -> str:
    longest = 40
    return repr(cell if len(cell) <= longest else cell[:longest] + "…")


#: Each type's check, which returns the cell to store, or raises a ValueError with the reason.
CHECKS: dict[str, Callable[[str], str]] = {"text": _text, "integer": _integer, "number": _number, "date": _date}
