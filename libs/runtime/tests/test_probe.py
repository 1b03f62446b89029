from __future__ import annotations

import pytest
from landfast_runtime import probe

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
