from __future__ import annotations

import csv
import io

import pytest
from api.reports.spreadsheets import harmless, table

#: Texts that a spreadsheet runs, or runs after an import has stripped or split them.
FORMULAS = [
    *(f"{sign}1+1" for sign in "=+-@"),
    *(f"{sign}1+1" for sign in "\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b\u2212\u207c"),
    *(f"{before}=1+1" for before in ("\t", "\r", "\n", "\r\n", " ", "   ", "\v", "\f", "\x00", "\x1f", "\x85")),
    *(f"{before}=1+1" for before in ("\u00a0", "\u3000", "\u2003", "\ufeff", "\u200b", "\u200f", "\u2028", "\u2029")),
    *(f"{before}=1+1" for before in ('"', "'", '"" ', "\u201c", "\u2019", "\u00ab", "`", " ' \t\"")),
    "\n\uff1d1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://example.org?"&A1,"click")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "-1+1",
    "--1",
    "+1-1",
    "-inf",
    "+nan",
    "-1_000",
    "-٣",
    "-1e1+1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_a_spreadsheet_would_run_is_marked(text: str) -> None:
    assert harmless(text).startswith("'")


@pytest.mark.parametrize(
    "text", ["", " ", "Riga", "a=1", "1-1", "2026-01-31", "-5", "+5", "-1.50", "1e-07", "-", "x\u0301"]
)
def test_a_harmless_text_and_a_number_stay_as_they_are(text: str) -> None:
    assert harmless(text) in {text, f"'{text}"}
    assert harmless(text) == text or text == "-"


def test_a_text_with_line_ends_becomes_one_line() -> None:
    assert harmless("Riga\r\n=1\u2028=2\x85+3") == "Riga  =1 =2 +3"


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_no_line_and_no_cell_of_the_file_begins_a_formula(text: str, delimiter: str) -> None:
    file = table([text, "sum"], [[text, 1], [f"Riga;{text}", -2], [f'Riga"\n{text}', None], [f"Riga\t{text}", 0.5]])

    for cells in csv.reader(io.StringIO(file), delimiter=delimiter):
        first = cells[0].strip().strip('"').strip()
        assert first[0] not in "=+-@\uff1d\uff0b\uff0d\uff20"
        for later in cells[1:] if delimiter == "," else []:
            assert later == "sum" or not later or float(later) <= 1


def test_numbers_stay_numbers_and_texts_are_quoted() -> None:
    assert table(["city", "sum"], [["Riga;=1", 1.5], ["-5", -2]]) == '"city","sum"\r\n"Riga;=1",1.5\r\n"-5",-2\r\n'
