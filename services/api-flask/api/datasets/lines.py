"""A byte stream as lines of text: byte order marks, declared encodings, and a limit of a line's length."""

from __future__ import annotations

import codecs
import io
from itertools import chain
from typing import TYPE_CHECKING

from api.datasets.streams import PIECE, Stream, pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.datasets.streams import Source

#: The most bytes of a line. A file without line ends would otherwise be read into memory as a whole.
MAX_LINE = 256 * 1024

_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
#: Bytes that are ASCII in every supported encoding. The backslash is tested separately: Python's own encodings, such as
#: unicode_escape, decode it differently, and would turn plain text into lone surrogates and NUL.
_THEMSELVES = (rb"\u0041", bytes(range(0x20, 0x7F)) + b"\t\r\n")


class LineError(ValueError):
    """A line that cannot be read; later lines can."""


class UnreadableError(ValueError):
    """The rest of the file cannot be read.

    Args:
        line: the number of the line.
        message: the reason.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Lines:
    """The lines of a file, with their line ends.

    Args:
        source: the file's bytes.
        charset: the encoding that the sender declares; a byte order mark overrides it, and UTF-8 is the default.

    Raises:
        LookupError: the declared encoding is unknown, or its lines cannot be split by bytes.
    """

    def __init__(self, source: Source, charset: str | None = None) -> None:
        #: The number of the last line that was read.
        self.number = 0
        self.encoding = known_encoding(charset) if charset else "utf-8"
        wide = self.encoding if self.encoding in _UTF_16.values() else None
        if wide:
            self.encoding = "utf-8"
        start = _first(source, 3)
        mark = next((mark for mark in (codecs.BOM_UTF8, *_UTF_16) if start.startswith(mark)), b"")
        if mark:
            self.encoding, wide = "utf-8", _UTF_16.get(mark)
        file = Stream(chain([start.removeprefix(mark)], pieces_of(source)))
        self._bytes = io.BufferedReader(Stream(_narrowed(file, wide)) if wide else file, PIECE)

    def __iter__(self) -> Iterator[str]:
        """Return this very object."""
        return self

    def __next__(self) -> str:
        """Return the next line.

        Raises:
            LineError: the line is not text in the file's encoding.
            UnreadableError: the line is too long, or the file is not UTF-16 in spite of its byte order mark.
        """
        try:
            line = self._bytes.readline(MAX_LINE + 1)
        except UnicodeDecodeError:
            raise UnreadableError(self.number + 1, "the file is not UTF-16 text from here on") from None
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > MAX_LINE:
            raise UnreadableError(self.number, f"the line is longer than {MAX_LINE} bytes")
        try:
            text = line.decode(self.encoding)
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise LineError(f"byte {error.start + 1} of the line (0x{byte:02x}) is not {self.encoding}") from None
        if "\0" in text:
            raise LineError("the line holds a NUL character")
        return text


def _first(source: Source, count: int) -> bytes:
    """Return a file's first bytes, however small its pieces are."""
    found = b""
    while len(found) < count and (piece := source.read(count - len(found))):
        found += piece
    return found


def _narrowed(source: Source, encoding: str) -> Iterator[bytes]:
    """Yield UTF-16 as UTF-8, so that a line ends with one byte."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for data in pieces_of(source):
        yield decoder.decode(data).encode()
    yield decoder.decode(b"", final=True).encode()


def known_encoding(charset: str) -> str:
    """Return Python's name of a supported encoding, one that contains ASCII, and with it the line feed, unchanged.

    Raises:
        LookupError: the encoding is unknown or unsupported.
    """
    name = codecs.lookup(charset).name
    if name in {"utf-16", "utf-8-sig"}:
        return {"utf-16": "utf-16-le", "utf-8-sig": "utf-8"}[name]  # the byte order mark is handled anyway
    if name in _UTF_16.values():
        return name
    try:
        if all(text.decode(name) == text.decode("ascii") for text in _THEMSELVES):
            return name
    except (UnicodeError, LookupError, TypeError):
        pass
    raise LookupError(charset)
