"""The file in a request's body, as a stream: the body itself, or the one file of a form.

Werkzeug's own ``request.files`` would write the whole file to a disk first; here each byte passes through once.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from werkzeug.exceptions import BadRequest, RequestTimeout, UnsupportedMediaType
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Field, File, MultipartDecoder, NeedData

from api.datasets.streams import Stream, pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from flask import Request
    from werkzeug.sansio.multipart import Event

#: Media types of the body.
PLAIN = ("text/csv", "application/csv")
FORM = "multipart/form-data"

#: The most bytes of all fields before a form's file, and the most fields.
MAX_FIELDS = 16 * 1024

#: Seconds that a whole upload may take: 200 MB at 1.9 Mbit/s.
LONGEST = 900.0


class Upload:
    """An upload: parameters, and a file that can be read once.

    Args:
        file: the file's bytes.
        fields: the form's fields before the file.
        filename: the sender's name of the file.
        charset: the encoding that the sender declared.
    """

    def __init__(self, file: Stream, fields: dict[str, str], filename: str | None, charset: str | None) -> None:
        self.file = file
        self.fields = fields
        self.filename = filename
        self.charset = charset


def upload_from(request: Request) -> Upload:
    """Begin to read a request's body.

    Raises:
        UnsupportedMediaType: the body is neither CSV nor a form.
        BadRequest: the form has no file.
    """
    if request.mimetype in PLAIN:
        return Upload(Stream(_timely(request.stream)), {}, None, request.mimetype_params.get("charset"))
    if request.mimetype == FORM and request.mimetype_params.get("boundary"):
        return _upload_from_form(request.stream, request.mimetype_params["boundary"])
    raise UnsupportedMediaType("send the file as text/csv, or as the field 'file' of multipart/form-data")


def _file_of(events: Iterator[Event]) -> Iterator[bytes]:
    """Yield the bytes of a form's file, and ensure that only the form's end follows."""
    for event in events:
        if not isinstance(event, Data):
            break
        yield event.data
        if not event.more_data:
            break
    for event in events:
        if isinstance(event, File):
            raise BadRequest("the form holds more than one file")
        if isinstance(event, Field):
            raise BadRequest(f"the field {event.name!r} comes after the file; put it before")


def _upload_from_form(stream: IO[bytes], boundary: str) -> Upload:
    events = _events(stream, boundary)
    fields: dict[str, str] = {}
    name: str | None = None
    value = b""
    for event in events:
        if isinstance(event, File):
            if event.name != "file":
                raise BadRequest("the form's file must be in the field 'file'")
            kind, options = parse_options_header(event.headers.get("Content-Type", ""))
            return Upload(Stream(_file_of(events)), fields, event.filename, options.get("charset") if kind else None)
        if isinstance(event, Field):
            name, value = event.name, b""
        elif isinstance(event, Data) and name is not None:
            value += event.data
            if len(value) + sum(map(len, fields.values())) > MAX_FIELDS:
                raise BadRequest("the form's fields are too large")
            if not event.more_data:
                fields[name] = _decoded(name, value)
    raise BadRequest("the form holds no file: send it as the field 'file'")


def _events(stream: IO[bytes], boundary: str) -> Iterator[Event]:
    """Yield the events of the form's parser as the form arrives."""
    decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), max_parts=100)
    for piece in _timely(stream):
        try:
            decoder.receive_data(piece)
            while not isinstance(event := decoder.next_event(), NeedData):
                yield event
        except ValueError as error:
            raise BadRequest(f"the form cannot be read: {error}") from None
    decoder.receive_data(None)
    try:
        decoder.next_event()
    except ValueError:
        raise BadRequest("the form ends before its closing boundary") from None


def _timely(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield a body's bytes, until the time limit: other senders wait."""
    deadline = time.monotonic() + LONGEST
    for piece in pieces_of(stream):
        if time.monotonic() > deadline:
            raise RequestTimeout(f"an upload may take {LONGEST:g} s")
        yield piece


def _decoded(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadRequest(f"the field {name!r} is not UTF-8") from None
