"""Requests as they reach the API from uWSGI: bytes and headers as they are, whatever they hold."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from werkzeug.test import create_environ, run_wsgi_app

if TYPE_CHECKING:
    from collections.abc import Mapping
    from wsgiref.types import WSGIApplication

#: What answers say of themselves when they hold JSON.
DOCUMENTS = ("application/json", "application/vnd.api+json", "application/problem+json")
PROBLEM = DOCUMENTS[-1]


@dataclass(frozen=True)
class Answer:
    """What came back.

    Args:
        status: the HTTP status.
        headers: by their names.
        body: the bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the document holds
        """The document; NaN and its like are in none."""
        return json.loads(self.body.decode(), parse_constant=refuse)


def refuse(constant: str) -> NoReturn:
    """Refuse what only Python takes for JSON."""
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
    """Send a request.

    Args:
        app: the application that uWSGI serves.
        method: the HTTP method.
        path: the path, not encoded.
        body: the body.
        query: the query, encoded.
        content_type: the body's.
        headers: others, by the names that WSGI gives them.
    """
    environ = create_environ() | {
        "REQUEST_METHOD": method,
        "PATH_INFO": path.encode(errors="surrogateescape").decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        **(headers or {}),
    }
    pieces, status, found = run_wsgi_app(app, environ, buffered=True)
    return Answer(int(status.partition(" ")[0]), dict(found), b"".join(pieces))


def check(answer: Answer) -> Answer:
    """See that the caller is told what they did wrong, in a document that every reader of JSON can read."""
    assert answer.status < 500, answer
    kind = answer.headers.get("Content-Type", "")
    if answer.status >= 400:
        assert kind == PROBLEM, answer
    if kind in DOCUMENTS and answer.body:
        assert answer.json is not None
    return answer
