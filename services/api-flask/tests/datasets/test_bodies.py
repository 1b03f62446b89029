from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from api.datasets.bodies import MAX_FIELDS, upload_from
from flask import Request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.test import EnvironBuilder

if TYPE_CHECKING:
    from api.datasets.bodies import Upload

FILE = 'Content-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: text/csv; charset=koi8-r'


def form(*parts: tuple[str, str], end: str = "--x--\r\n") -> bytes:
    return ("".join(f"--x\r\n{header}\r\n\r\n{body}\r\n" for header, body in parts) + end).encode()


def field(name: str, value: str) -> tuple[str, str]:
    return f'Content-Disposition: form-data; name="{name}"', value


def upload(body: bytes, kind: str = "multipart/form-data; boundary=x") -> Upload:
    return upload_from(Request(EnvironBuilder(method="POST", data=body, content_type=kind).get_environ()))


def test_a_body_may_be_the_file_itself() -> None:
    found = upload(b"a,b\n1,2\n", "text/csv; charset=windows-1251")

    assert (found.file.read(), found.charset, found.filename) == (b"a,b\n1,2\n", "windows-1251", None)
    assert found.file.bytes == 8


def test_a_form_holds_fields_and_a_file() -> None:
    found = upload(form(field("columns", "a:text"), field("name", "Имя"), (FILE, "a\r\nb\r\n")))

    assert found.fields == {"columns": "a:text", "name": "Имя"}
    assert (found.filename, found.charset) == ("a.csv", "koi8-r")
    assert found.file.read() == b"a\r\nb\r\n"


def test_a_large_file_in_a_form_passes_through_piece_by_piece() -> None:
    content = "0123456789\n" * 200_000
    found = upload(form((FILE, content)))
    pieces = iter(lambda: found.file.read(50_000), b"")

    lengths = [len(piece) for piece in pieces]
    assert sum(lengths) == len(content)
    assert max(lengths) <= 64 * 1024


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (form(field("name", "x")), "holds no file"),
        (form((FILE.replace('"file"', '"other"'), "a")), "in the field 'file'"),
        (form((FILE, "a"), (FILE, "b")), "more than one file"),
        (form((FILE, "a"), field("name", "b")), "'name' comes after the file"),
        (form((FILE, "a"), end=""), "ends before its closing boundary"),
        (form((FILE, "a\r\n" * 9), end="")[:-30], "ends before its closing boundary"),
        (form(field("name", "x" * (MAX_FIELDS + 1)), (FILE, "a")), "fields are too large"),
        (b"--x\r\nContent-Type: text/csv\r\n\r\na\r\n--x--\r\n", "cannot be read"),
    ],
)
def test_a_form_that_is_badly_made_is_told_how(body: bytes, problem: str) -> None:
    with pytest.raises(BadRequest, match=problem):
        upload(body).file.read()


def test_a_field_that_is_no_text_is_refused() -> None:
    body = form(field("name", "?"), (FILE, "a")).replace(b"?", b"\xff")

    with pytest.raises(BadRequest, match="'name' is not UTF-8"):
        upload(body)


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "text/html"])
def test_other_bodies_are_refused(kind: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="text/csv"):
        upload(b"a,b\n", kind)


def test_a_body_that_ends_too_soon_is_no_file() -> None:
    environ = EnvironBuilder(method="POST", content_type="text/csv").get_environ()
    environ |= {"CONTENT_LENGTH": "100", "wsgi.input": io.BytesIO(b"a,b\n1,2\n")}

    with pytest.raises(BadRequest):
        upload_from(Request(environ)).file.read()
