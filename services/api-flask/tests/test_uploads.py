from __future__ import annotations

import io
import socket
import sys
import threading
import time
from contextlib import closing, suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from api import uploads
from api.uploads import TimelyBody, Uploads, stop_reading_from_uwsgi
from landfast_testing.waiting import DEADLINE
from werkzeug.exceptions import RequestTimeout
from werkzeug.test import EnvironBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from flask import Flask


def refuse(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("401 Unauthorized", [])
    return [b"no"]


def environ(body: Any, **headers: str) -> WSGIEnvironment:  # noqa: ANN401 - whatever has a method read
    return EnvironBuilder(method="POST", **headers).get_environ() | {"wsgi.input": body}  # type: ignore[arg-type]


def answers(application: Uploads, environ: WSGIEnvironment) -> tuple[list[str], Iterator[bytes]]:
    """Return the status, once there is one, and the parts of the answer."""
    status: list[str] = []
    return status, application(environ, lambda given, *_: status.append(given))  # type: ignore[arg-type]


class Connection:
    """A connection whose client sends what a test wants; its ``read`` waits for all bytes, as uWSGI's does."""

    def __init__(self) -> None:
        self.client, self.server = socket.socketpair()
        self._file = self.server.makefile("rb")

    def read(self, size: int) -> bytes:
        found = self._file.read(size)
        if len(found) < size:
            raise OSError("error during read on wsgi.input")
        return found

    def stop(self) -> None:
        self.server.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        for each in (self._file, self.server, self.client):
            each.close()


@pytest.fixture
def connection() -> Iterator[Connection]:
    with closing(Connection()) as connection:
        yield connection


@pytest.fixture
def drip(connection: Connection) -> Iterator[None]:
    """Let the client send a byte now and then."""
    end = threading.Event()

    def send() -> None:
        while not end.wait(0.02):
            with suppress(OSError):  # the server reads no more
                connection.client.send(b"x")

    thread = threading.Thread(target=send)
    thread.start()
    yield
    end.set()
    thread.join()


def nothing() -> Callable[[], None]:
    return lambda: None


def test_a_refused_sender_is_answered_before_the_body_is_read() -> None:
    body = io.BytesIO(b"x" * 1_000_000)
    status, answer = answers(Uploads(refuse, nothing), environ(body))

    assert (next(answer), status) == (b"no", ["401 Unauthorized"])
    assert body.tell() == 0
    assert list(answer) == []
    assert body.read() == b"", "or a server that closes would let the client lose the answer"


@pytest.mark.usefixtures("drip")
def test_the_rest_of_a_refused_body_is_read_for_a_moment_only(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PATIENCE", 0.2)
    _, answer = answers(Uploads(refuse, lambda: connection.stop), environ(connection))
    assert next(answer) == b"no"

    began = time.monotonic()
    assert list(answer) == []
    assert time.monotonic() - began < DEADLINE


def test_a_client_who_went_away_does_no_harm(connection: Connection) -> None:
    connection.client.close()
    _, answer = answers(Uploads(refuse, nothing), environ(connection))

    assert list(answer) == [b"no"]


def test_an_answer_is_closed() -> None:
    class Answer(list[bytes]):
        closed = False

        def close(self) -> None:
            self.closed = True

    given = Answer([b"no"])
    _, answer = answers(Uploads(lambda *_: given, nothing), environ(io.BytesIO()))

    assert (list(answer), given.closed) == ([b"no"], True)


@pytest.mark.usefixtures("drip")
def test_a_slow_sender_is_given_up_although_bytes_arrive(connection: Connection) -> None:
    body = TimelyBody(connection, connection.stop)

    with pytest.raises(RequestTimeout, match="KiB a second"):
        body.read(65536, within=0.2)


def test_a_client_who_breaks_off_is_no_slow_one(connection: Connection) -> None:
    connection.client.close()

    with pytest.raises(OSError, match=r"wsgi\.input"):
        TimelyBody(connection, connection.stop).read(10)


def test_a_body_that_comes_in_time_is_read(connection: Connection) -> None:
    connection.client.sendall(b"0123456789")
    body = TimelyBody(connection, connection.stop)

    assert body.read(4) + body.read(6) == b"0123456789"


def test_a_read_that_ended_is_stopped_no_more(connection: Connection) -> None:
    # Its connection may be another request's by then.
    connection.client.sendall(b"0123456789")
    body = TimelyBody(connection, lambda: pytest.fail("stopped"))
    body.read(4)
    body._give_up(0)  # noqa: SLF001 - the timer that fires too late

    assert body.read(6) == b"456789"


@pytest.mark.usefixtures("drip")
def test_a_slow_sender_of_a_dataset_is_told_so(
    app: Flask, authorized: dict[str, str], connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LONGEST_PIECE", 0.3)
    path = {"path": "/api/v1/datasets", "content_type": "text/csv"}
    given = environ(connection, **path) | {"CONTENT_LENGTH": "100000000"}
    given |= {"HTTP_AUTHORIZATION": authorized["Authorization"]}
    status, answer = answers(Uploads(app, lambda: connection.stop), given)

    assert b"KiB a second" in b"".join(answer)
    assert status == ["408 REQUEST TIMEOUT"]


def test_in_uwsgi_the_connection_s_reading_side_is_closed(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = SimpleNamespace(connection_fd=connection.server.fileno)
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    stop_reading_from_uwsgi()()

    assert connection.server.recv(1) == b""
    connection.server.sendall(b"the answer")
    assert connection.client.recv(10) == b"the answer"
