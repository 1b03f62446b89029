"""Requests as a WSGI application gets them from its server, with arbitrary bytes and headers."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn
from wsgiref.util import setup_testing_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from wsgiref.types import WSGIApplication


@dataclass(frozen=True)
class Answer:
    """The response to a request.

    Args:
        status: the HTTP status.
        headers: the headers by name.
        body: the body's bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - any document
        """The JSON document; NaN and infinities are errors."""
        return json.loads(self.body.decode(), parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    """Refuse constants that only Python accepts as JSON."""
    raise AssertionError(f"{constant} is no JSON")


def send(
    app: WSGIApplication,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    query: str = "",
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request and return the response.

    Args:
        app: the WSGI application.
        method: the HTTP method.
        path: the path, not encoded.
        body: the body.
        query: the query, encoded.
        content_type: the body's content type.
        headers: other headers, by their WSGI names.
    """
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode(errors="surrogateescape").decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        **(headers or {}),
    }
    setup_testing_defaults(environ)
    answer: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], object]:
        answer.update(status=int(status.partition(" ")[0]), headers=dict(headers))
        return io.BytesIO().write

    response = app(environ, start)
    try:
        answer["body"] = b"".join(response)
    finally:
        if close := getattr(response, "close", None):
            close()
    return Answer(**answer)
