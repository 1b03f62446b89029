"""Users' files, with any encoding, delimiter and fault."""

from __future__ import annotations

import csv
import tracemalloc
from itertools import repeat
from typing import TYPE_CHECKING

import pytest
from api.datasets.columns import parse
from api.datasets.faults import LISTED, Fault, Faults
from api.datasets.lines import MAX_LINE, Lines
from api.datasets.rows import Row, rows
from api.datasets.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = "day:date,city:text,amount:number?"


def read(
    file: bytes | Iterable[bytes], *, columns: str = COLUMNS, charset: str | None = None
) -> tuple[list[Row], list[Fault]]:
    faults = Faults()
    pieces = [file] if isinstance(file, bytes) else file
    found = list(rows(Lines(Stream(pieces), charset), parse(columns), faults))
    assert faults.total >= len(faults.listed)
    return found, faults.listed


def only_fault(file: bytes | Iterable[bytes], *, columns: str = COLUMNS, charset: str | None = None) -> Fault:
    _, faults = read(file, columns=columns, charset=charset)
    [fault] = faults
    return fault


def test_rows_come_as_they_were_written() -> None:
    found, faults = read(b"day,city,amount\n2026-01-31,Riga,1.50\n2026-02-01,Oslo,\n")

    assert found == [["2026-01-31", "Riga", "1.50"], ["2026-02-01", "Oslo", None]]
    assert faults == []


def test_columns_may_stand_in_any_order_and_in_any_case() -> None:
    found, _ = read(b"Amount,DAY, city \n1,2026-01-31,Riga\n")

    assert found == [["2026-01-31", "Riga", "1"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(delimiter: str) -> None:
    lines = [["day", "city", "amount"], ["2026-01-31", "Riga", "1"]]
    file = "".join(delimiter.join(cells) + "\r\n" for cells in lines)

    assert read(file.encode())[0] == [["2026-01-31", "Riga", "1"]]


def test_a_header_in_quotes_is_understood() -> None:
    assert read(b'"day";"city";"amount"\n2026-01-31;"Ri;ga";1\n')[0] == [["2026-01-31", "Ri;ga", "1"]]


def test_the_line_by_which_excel_knows_the_delimiter_is_no_header() -> None:
    found, faults = read(b"sep=;\r\nday;city;amount\r\n2026-01-31;Riga;x\r\n")

    assert found == []
    assert faults == [Fault(3, "'x' is no number of at most 18 digits and 12 decimals", "amount")]


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", "utf-8"),
        ("utf-8-sig", "windows-1251"),
        ("utf-16", None),
        ("utf-16-be", "utf-16-be"),
        ("utf-16-le", "utf-16"),
        ("windows-1251", "Windows-1251"),
        ("koi8-r", "koi8-r"),
    ],
)
def test_a_file_may_be_in_any_common_encoding(encoding: str, charset: str | None) -> None:
    file = "day,city,amount\r\n2026-01-31,Тверь,1\r\n".encode(encoding)

    assert read([file[:1], file[1:40], file[40:]], charset=charset)[0] == [["2026-01-31", "Тверь", "1"]]


@pytest.mark.parametrize("charset", ["no-such", "utf-7", "utf-16-nonsense", "base64", "cp037", "utf-32"])
def test_an_encoding_that_hides_line_ends_is_refused(charset: str) -> None:
    with pytest.raises(LookupError):
        read(b"day", charset=charset)


@pytest.mark.parametrize("charset", ["unicode_escape", "raw_unicode_escape", "Unicode-Escape"])
def test_an_encoding_with_escapes_of_its_own_is_refused(charset: str) -> None:
    with pytest.raises(LookupError):
        read(rb"day", charset=charset)


def test_bytes_of_another_encoding_are_faults_of_their_lines_alone() -> None:
    file = b"day,city,amount\n2026-01-31,Riga,1\n2026-01-31,\xd2\xe2\xe5\xf0\xfc,1\n2026-02-01,Oslo,2\n"

    found, [fault] = read(file)
    assert [row[1] for row in found] == ["Riga", "Oslo"]
    assert fault == Fault(3, "byte 12 of the line (0xd2) is not utf-8")


def test_utf_16_that_breaks_off_is_told_where() -> None:
    file = "day,city,amount\n2026-01-31,Riga,1\n".encode("utf-16") + b"\x00"

    assert only_fault(file).message == "the file is not UTF-16 text from here on; nothing after it was read"


def test_a_nul_character_is_a_fault() -> None:
    assert only_fault(b"day,city,amount\n2026-01-31,Ri\0ga,1\n") == Fault(2, "the line holds a NUL character")


def test_a_cell_in_quotes_may_hold_anything() -> None:
    found, faults = read(b'day,city,amount\n2026-01-31,"a ""b"",\nc",1\n2026-02-01,Oslo,2\n')

    assert found[0] == ["2026-01-31", 'a "b",\nc', "1"]
    assert faults == []


def test_a_row_is_known_by_the_line_that_it_begins_on() -> None:
    file = b'day,city,amount\n\n2026-01-31,"two\nlines",1\n2026-02-01,"two\nlines",x\n'

    assert only_fault(file).line == 5


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b'2026-01-31,"Riga"x,1', "between a closing quote and the next cell"),
        (b'2026-01-31,"Riga,1', "begins here and never ends"),
        (b"2026-01-31,Riga", "has 2 cells; the header has 3"),
        (b"2026-01-31,Riga,1,2", "has 4 cells"),
        (b"2026-01-31,Ri\rga,1", "carriage return alone"),
    ],
)
def test_a_row_that_is_badly_made_is_told_how(row: bytes, problem: str) -> None:
    fault = only_fault(b"day,city,amount\n2026-01-30,Riga,1\n" + row + b"\n")

    assert fault.line == 3
    assert problem in fault.message


def test_a_fault_of_quoting_does_not_hide_the_rows_after_it() -> None:
    found, faults = read(b'day,city,amount\n2026-01-31,"Riga"x,1\n2026-02-01,Oslo,2\nno,Oslo,2\n')

    assert found == [["2026-02-01", "Oslo", "2"]]
    assert [fault.line for fault in faults] == [2, 4]


def test_every_faulty_cell_of_a_row_is_named() -> None:
    _, faults = read(b"day,city,amount\n,  ,x\n")

    assert [(fault.line, fault.column) for fault in faults] == [(2, "day"), (2, "city"), (2, "amount")]
    assert faults[0].message == "the cell is empty"


def test_faults_are_all_counted_and_the_first_are_listed() -> None:
    faults = Faults()
    file = Stream([b"day,city,amount\n", *repeat(b"x,Riga,1\n", LISTED + 50)])

    assert list(rows(Lines(file), parse(COLUMNS), faults)) == []
    assert faults.total == LISTED + 50
    assert [fault.line for fault in faults.listed] == list(range(2, LISTED + 2))


@pytest.mark.parametrize(
    ("file", "line", "problem"),
    [
        (b"", 1, "the file is empty"),
        (b"\n \n", 2, "the file is empty"),
        (b"day,city,amount\n", 2, "no row below the header"),
        (b"day,city\n2026-01-31,Riga\n", 1, "does not have this column"),
        (b"day,city,amount,more\n", 1, "'more', which is not declared"),
        (b"day,city,amount,city\n", 1, "'city' more than once"),
        (b'day,"city,amount\n', 1, "the header cannot be read"),
        (b"day,ci\xffty,amount\n", 1, "the header cannot be read"),
    ],
)
def test_a_file_without_a_right_header_or_rows_is_told_so(file: bytes, line: int, problem: str) -> None:
    fault = only_fault(file)

    assert fault.line == line
    assert problem in fault.message


def test_the_column_that_the_header_lacks_is_named() -> None:
    assert only_fault(b"day,city\n").column == "amount"


def test_a_line_without_an_end_is_not_read_into_memory() -> None:
    endless = repeat(b"x" * 4096)  # as many as a reader requests
    tracemalloc.start()
    fault = only_fault([b"day,city,amount\n"] + [next(endless) for _ in range(2 * MAX_LINE // 4096)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "the line is longer than" in fault.message
    assert peak < 8 * MAX_LINE


def test_a_quote_that_is_never_closed_is_not_read_into_memory() -> None:
    endless = (b"2026-01-31,Riga,1\n" for _ in range(200_000))
    fault = read([b'day,city,amount\n2026-01-31,"Riga,1\n', *endless])[1][0]

    assert fault.line == 2
    assert f"more than {csv.field_size_limit()} characters" in fault.message


def test_a_long_file_takes_no_more_memory_than_a_short_one() -> None:
    def streamed(count: int) -> int:
        def pieces() -> Iterable[bytes]:
            yield b"day,city,amount\n"
            yield from (b"2026-01-31,Riga,1\n" * 100 for _ in range(count))

        tracemalloc.start()
        for _ in rows(Lines(Stream(pieces())), parse(COLUMNS), Faults()):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert streamed(500) < streamed(20) * 1.5
