"""``./stack logs --request``: the lines of one request, or how far back the logs reach."""

from __future__ import annotations

import json

import pytest

from cli import compose, logs, process
from cli.console import StackError
from cli.process import Output


def line(container: str, time: str, **more: str) -> str:
    return f"{container} | {json.dumps({'time': time, 'message': 'done', **more})}"


@pytest.fixture
def two_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs of Nginx, which are short because there is much traffic, and of a worker."""
    lines = [
        line("\x1b[33mnginx-1", "2026-11-30T12:00:00.123+00:00", request_id="abc"),
        "worker-1  | starting",
        line("worker-1 ", "2026-11-29T08:00:00Z"),
        line("nginx-1 ", "2026-11-30T12:00:05Z"),
    ]
    monkeypatch.setattr(process, "capture", lambda *_, **__: Output(0, "nginx\nworker\n"))
    monkeypatch.setattr(compose, "logs", lambda *_, **__: ["printf", "%s\n", *lines])


@pytest.mark.usefixtures("two_containers")
def test_an_id_that_no_line_has_is_reported_with_the_reach_of_the_logs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StackError) as caught:
        logs.show([], request="nope", follow=False, lines=None)

    assert str(caught.value).startswith(
        "no line has the id 'nope': the logs that were read reach back to 2026-11-29T08:00:00Z (worker-1), "
        "and those of nginx-1 to 2026-11-30T12:00:00Z\n"
    )
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("two_containers")
def test_the_lines_of_a_request_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.show([], request="abc", follow=False, lines=None) == 0

    assert capsys.readouterr().out == "12:00:00.123+00:00 nginx-1 done request_id=abc\n"


def test_logs_without_a_time_have_no_reach() -> None:
    assert logs.reach({}) == ""
    assert logs.reach({"a": "2026-11-29T08:00:00Z"}) == ": the logs that were read reach back to 2026-11-29T08:00:00Z"
