"""Raw requests with any bytes, through the whole WSGI application."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from landfast_testing import wsgi
from mysite.wsgi import application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accounts.models import User
    from landfast_testing.wsgi import Answer

#: Texts that PostgreSQL cannot store.
UNSTORABLE = ("\0", "\ud800")


def send(method: str, path: str, body: bytes = b"", **options: Any) -> Answer:  # noqa: ANN401 - arguments of wsgi.send
    """Send a request to gunicorn's application.

    Args:
        method: the HTTP method.
        path: the path, not encoded.
        body: the body.
        **options: options of :func:`landfast_testing.wsgi.send`.
    """
    with _kept_connections():
        return wsgi.send(application, method, path, body, **options)


def crashed(answer: Answer) -> bool:
    """Return whether the response blames the server; GraphQL reports that with status 200."""
    return answer.status >= 500 or b"Something broke on our side" in answer.body


@contextmanager
def _kept_connections() -> Iterator[None]:
    """Keep the database's connection open, which is the test's, like Django's own client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


def logged_in(user: User) -> dict[str, str]:
    """Return the header that authenticates a request."""
    client = Client()
    client.force_login(user)
    return {"HTTP_COOKIE": client.cookies.output(header="", attrs=[]).strip()}
