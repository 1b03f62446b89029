"""Parsing lines into rows of the declared columns; errors become faults with their line's number.

No function holds more than one row in memory: a file may be of any length.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.datasets.columns import CHECKS, Column
from api.datasets.lines import LineError, Lines, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from api.datasets.faults import Faults

Row = list[str | None]

#: Delimiters; the first that fits the header is used.
DELIMITERS = ",;\t|"

#: Excel's first line, which names the delimiter.
_EXCEL_HINT = re.compile(r'"?sep=([,;|\t])"?\s*', re.IGNORECASE).fullmatch


@dataclass(frozen=True)
class Header:
    """A file's header.

    Args:
        delimiter: the delimiter of cells.
        order: for each declared column, the index of its cell in a row.
    """

    delimiter: str
    order: tuple[int, ...]


def rows(lines: Lines, columns: Sequence[Column], faults: Faults) -> Iterator[Row]:
    """Yield each valid row, with its cells in the order of the declared columns.

    Args:
        lines: the file's lines.
        columns: the declared columns.
        faults: collects the faults, for the caller.
    """
    try:
        header = _header(lines, columns, faults)
        if header is None:
            return
        found = False
        for line, cells in _records(lines, header.delimiter, faults):
            found = True
            row = _checked(line, cells, header, columns, faults)
            if row is not None:
                yield row
        if not found and not faults:
            faults.add(lines.number + 1, "there is no row below the header")
    except UnreadableError as error:
        faults.add(error.line, f"{error}; nothing after it was read")


def _header(lines: Lines, columns: Sequence[Column], faults: Faults) -> Header | None:
    """Return the header; None if it is invalid, and rows cannot be parsed."""
    hint, text = None, ""
    try:
        for text in lines:
            match = _EXCEL_HINT(text)
            if match and hint is None:
                hint = match[1]
            elif text.strip():
                break
        else:
            faults.add(max(lines.number, 1), "the file is empty")
            return None
        return _understood(text, hint or DELIMITERS, columns, lines.number, faults)
    except (LineError, csv.Error) as error:
        faults.add(lines.number, f"the header cannot be read: {error}")
        return None


def _understood(text: str, delimiters: str, columns: Sequence[Column], line: int, faults: Faults) -> Header | None:
    wanted = {column.name.casefold(): column for column in columns}

    def names(delimiter: str) -> list[str]:
        cells = next(csv.reader([text], delimiter=delimiter, strict=True))
        return [cell.strip().casefold() for cell in cells]

    def explains(delimiter: str) -> int:
        try:
            return len(wanted.keys() & set(names(delimiter)))
        except csv.Error:
            return 0

    delimiter = max(delimiters, key=explains)
    found = names(delimiter)
    for name in dict.fromkeys(found):
        if found.count(name) > 1:
            faults.add(line, f"the header has the column {name!r} more than once")
        elif name not in wanted:
            faults.add(line, f"the header has the column {name[:80]!r}, which is not declared")
    for name, column in wanted.items():
        if name not in found:
            faults.add(line, "the header does not have this column", column.name)
    return None if faults else Header(delimiter, tuple(found.index(name) for name in wanted))


def _records(lines: Lines, delimiter: str, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its first line: a quoted cell may contain line ends."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except LineError as error:
            faults.add(lines.number, str(error))
        except csv.Error as error:
            faults.add(line, _explained(error))
        else:
            if cells:
                yield line, cells


def _explained(error: csv.Error) -> str:
    """Describe an error of the CSV syntax for the file's author."""
    text = str(error)
    if "unexpected end of data" in text:
        return "a quoted cell begins here and never ends"
    if "expected after" in text:
        return "something stands between a closing quote and the next cell; double a quote that belongs to the text"
    if "new-line character" in text:
        return "a line ends with a carriage return alone; end lines with a line feed"
    if "field limit" in text:
        return f"a cell holds more than {csv.field_size_limit()} characters: a quote may be open"
    return text


def _checked(line: int, cells: list[str], header: Header, columns: Sequence[Column], faults: Faults) -> Row | None:
    if len(cells) != len(columns):
        faults.add(line, f"the row has {len(cells)} cells; the header has {len(columns)}")
        return None
    row: Row = []
    faulty = False
    for column, position in zip(columns, header.order, strict=True):
        cell = cells[position]
        if not cell or cell.isspace():
            if not column.optional:
                faults.add(line, "the cell is empty", column.name)
                faulty = True
            row.append(None)
            continue
        check: Callable[[str], str] = CHECKS[column.type]
        try:
            row.append(check(cell))
        except ValueError as error:
            faults.add(line, str(error), column.name)
            faulty = True
    return None if faulty else row
