from __future__ import annotations

import struct
import time

import pytest
from landfast_runtime import probe
from landfast_testing.waiting import PATIENCE

from tests.servers import answering, unused_port


@pytest.mark.parametrize("scheme", ["http", "uwsgi"])
def test_it_is_content_with_success(scheme: str) -> None:
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        assert probe.main(f"{scheme}://127.0.0.1:{server.port}/healthz") == 0
    assert b"/healthz" in server.heard


@pytest.mark.parametrize("scheme", ["http", "uwsgi"])
def test_it_says_what_is_wrong(scheme: str, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n") as server:
        assert probe.main(f"{scheme}://127.0.0.1:{server.port}/healthz") == 1
    assert "/healthz answered" in capsys.readouterr().out


@pytest.mark.parametrize("scheme", ["http", "uwsgi"])
def test_it_notices_that_nobody_listens(scheme: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.main(f"{scheme}://127.0.0.1:{unused_port()}/healthz") == 1
    assert "refused" in capsys.readouterr().out


def test_uwsgi_is_asked_in_its_own_protocol() -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as server:
        assert probe.main(f"uwsgi://127.0.0.1:{server.port}/healthz") == 0

    modifier, size, second_modifier = struct.unpack_from("<BHB", server.heard)
    assert (modifier, size, second_modifier) == (0, len(server.heard) - 4, 0)
    variables = uwsgi_variables(bytes(server.heard[4:]))
    assert (variables["REQUEST_METHOD"], variables["PATH_INFO"]) == ("GET", "/healthz")
    assert variables["SERVER_PORT"] == str(server.port)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"", b"HTTP/1.1\r\n", b"200 OK\r\n"])
@pytest.mark.parametrize("scheme", ["http", "uwsgi"])
def test_only_success_will_do(scheme: str, answer: bytes) -> None:
    with answering(answer) as server:
        assert probe.main(f"{scheme}://127.0.0.1:{server.port}/healthz") == 1


def test_a_server_that_never_answers_fails_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TIMEOUT", 1.0)
    with answering(None) as server:
        started = time.monotonic()
        assert probe.main(f"uwsgi://127.0.0.1:{server.port}/healthz") == 1

    assert time.monotonic() - started < probe.TIMEOUT + 2 * PATIENCE


def uwsgi_variables(body: bytes) -> dict[str, str]:
    """Return the variables of a uwsgi packet's body."""
    parts: list[str] = []
    while body:
        (size,) = struct.unpack_from("<H", body)
        parts.append(body[2 : 2 + size].decode())
        body = body[2 + size :]
    return dict(zip(parts[::2], parts[1::2], strict=True))
