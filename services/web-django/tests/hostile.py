"""Requests as they reach the server: through the whole WSGI application, as bytes, whatever they hold."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from mysite.wsgi import application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from accounts.models import User

#: What PostgreSQL cannot store.
UNSTORABLE = ("\0", "\ud800")


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
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.body)

    @property
    def crashed(self) -> bool:
        """Whether the server takes the fault for its own; GraphQL says so below a status of 200."""
        return self.status >= 500 or b"Something broke on our side" in self.body


def send(
    method: str,
    path: str,
    body: bytes = b"",
    *,
    query: str = "",
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request to the application that gunicorn serves.

    Args:
        method: the HTTP method.
        path: the path, not encoded.
        body: the body.
        query: the query, encoded.
        content_type: the body's.
        headers: others, by the names that WSGI gives them.
    """
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode(errors="surrogateescape").decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        **(headers or {}),
    }
    answer: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], object]:
        answer.update(status=int(status.partition(" ")[0]), headers=dict(headers))
        return io.BytesIO().write

    with _kept_connections():
        response = application(environ, start)
        answer["body"] = b"".join(response)
        response.close()
    return Answer(**answer)


@contextmanager
def _kept_connections() -> Iterator[None]:
    """Keep the database's connection, which is the test's, as Django's own client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def logged_in(user: User) -> dict[str, str]:
    """Return the header that makes a request somebody's."""
    client = Client()
    client.force_login(user)
    return {"HTTP_COOKIE": client.cookies.output(header="", attrs=[]).strip()}
