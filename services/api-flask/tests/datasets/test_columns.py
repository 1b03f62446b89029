from __future__ import annotations

import pytest
from api.datasets.columns import CHECKS, DEFAULT, MAX_COLUMNS, Column, declaration, parse


def test_a_declaration_names_columns_their_types_and_which_may_be_empty() -> None:
    assert parse("day:date, Регион : text ,amount:number?") == (
        Column("day", "date"),
        Column("Регион", "text"),
        Column("amount", "number", optional=True),
    )


def test_a_declaration_is_written_as_it_was_read() -> None:
    assert declaration(parse(DEFAULT)) == DEFAULT
    assert declaration(parse("a:text?,b:integer")) == "a:text?,b:integer"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no name of a column"),
        ("day", "no type that is known"),
        ("day:time", "no type that is known: text, integer, number, date"),
        (":date", "no name of a column"),
        ("a:text,,b:text", "no name of a column"),
        ("x" * 64 + ":text", "1 to 63 characters"),
        ("a:text,A:number", "declared twice"),
        (",".join(f"c{number}:text" for number in range(MAX_COLUMNS + 1)), "at most 50"),
    ],
)
def test_a_declaration_that_cannot_be_read_says_why(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse(text)


@pytest.mark.parametrize(
    ("kind", "cell", "kept"),
    [
        ("text", " as it is ", " as it is "),
        ("integer", " -42 ", "-42"),
        ("integer", "007", "007"),
        ("number", "1234.50", "1234.50"),
        ("number", ".5", ".5"),
        ("number", "-3.", "-3."),
        ("date", "2024-02-29", "2024-02-29"),
    ],
)
def test_a_cell_that_fits_is_kept_as_it_was_written(kind: str, cell: str, kept: str) -> None:
    assert CHECKS[kind](cell) == kept


@pytest.mark.parametrize(
    ("kind", "cell", "problem"),
    [
        ("integer", "1.0", "no whole number"),
        ("integer", "9" * 19, "18 digits"),
        ("integer", "٣", "no whole number"),
        ("number", "1,5", "write a point before the decimals"),
        ("number", "NaN", "no number"),
        ("number", "1e5", "no number"),
        ("number", ".", "no number"),
        ("date", "2026-02-29", "no date like"),
        ("date", "20260131", "no date like"),
        ("date", "31.01.2026", "'31.01.2026' is no date"),
        ("text", "x" * 1001, "1001 characters"),
    ],
)
def test_a_cell_that_does_not_fit_is_told_why(kind: str, cell: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        CHECKS[kind](cell)


def test_a_long_cell_is_not_repeated_in_full() -> None:
    with pytest.raises(ValueError, match="no date") as error:
        CHECKS["date"]("x" * 900)
    assert len(str(error.value)) < 100
