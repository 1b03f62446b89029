"""Text for CSV files that people open in a spreadsheet: no text of a caller becomes a formula there.

A spreadsheet runs a cell that begins with one of a few characters, also in their full-width forms, and after spaces,
quotes or invisible characters, which an import may strip. A line end or a foreign delimiter within a cell may begin
another one. So text is one line, is marked if it looks like a formula, and is always quoted.
https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: First characters of a formula; other forms of them are normalised to these. The last one is a minus, and no hyphen.
_FORMULA = frozenset("=+-@\u2212")

#: Characters before a formula that an import may strip, beside spaces, control characters and invisible ones.
_QUOTES = frozenset("\"'`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a")

#: A number, which stays one. Python's own ``float`` also reads words, which a spreadsheet would run: ``-inf``.
_is_number = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?(e[+-]?[0-9]{1,3})?", re.ASCII).fullmatch

#: A cell of a table.
type Cell = str | int | float | None


def harmless(text: str) -> str:
    """Return ``text`` as one line, with an apostrophe before it if a spreadsheet could take it for a formula."""
    if _is_number(text):
        return text
    line = "".join(" " if _is_line_end_or_control(letter) else letter for letter in text)
    first = next((letter for letter in line if not _may_be_stripped(letter)), "")
    return f"'{line}" if unicodedata.normalize("NFKC", first)[:1] in _FORMULA else line


def table(columns: Iterable[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table as CSV: all text is harmless and quoted, numbers stay numbers.

    Args:
        columns: the header.
        rows: the rows, with as many cells.
    """
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(map(harmless, columns))
    writer.writerows([harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return file.getvalue()


def _is_line_end_or_control(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Zl", "Zp"}


def _may_be_stripped(letter: str) -> bool:
    return letter in _QUOTES or unicodedata.category(letter) in {"Zs", "Cf", "Cc", "Mn"}
