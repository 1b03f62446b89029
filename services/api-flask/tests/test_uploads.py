from __future__ import annotations

import io
from typing import TYPE_CHECKING

from api import uploads
from api.uploads import ReadToTheEnd
from werkzeug.test import EnvironBuilder, run_wsgi_app

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    import pytest


def refuse(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("401 Unauthorized", [])
    return [b"no"]


def environ(body: io.IOBase) -> WSGIEnvironment:
    return EnvironBuilder(method="POST").get_environ() | {"wsgi.input": body}


class Gone(io.RawIOBase):
    """The body of a client that has gone away."""

    def readable(self) -> bool:
        return True

    def readinto(self, _: object) -> int:
        raise ConnectionResetError


class Endless(io.RawIOBase):
    """The body of a client that never stops."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        return len(buffer)


def test_a_body_that_was_refused_is_read_to_its_end() -> None:
    body = io.BytesIO(b"x" * 1_000_000)

    answer, status, _ = run_wsgi_app(ReadToTheEnd(refuse), environ(body))
    assert (b"".join(answer), status) == (b"no", "401 Unauthorized")
    assert body.read() == b""


def test_a_client_who_went_away_does_no_harm() -> None:
    _, status, _ = run_wsgi_app(ReadToTheEnd(refuse), environ(Gone()))

    assert status == "401 Unauthorized"


def test_a_client_who_never_stops_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PATIENCE", 0.05)

    _, status, _ = run_wsgi_app(ReadToTheEnd(refuse), environ(Endless()))
    assert status == "401 Unauthorized"
