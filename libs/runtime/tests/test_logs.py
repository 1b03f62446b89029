from __future__ import annotations

import json
import logging
import logging.config
import os
import select
import sys
import threading
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from landfast_runtime import logs
from landfast_runtime.logs import JsonFormatter, PipeHandler, accept_request_id, logging_config, request_id, task_id
from landfast_testing.waiting import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ids() -> Iterator[None]:
    """The ids of a request and its task, which middleware and worker set."""
    tokens = request_id.set("request-0001"), task_id.set("task-0001")
    yield
    request_id.reset(tokens[0])
    task_id.reset(tokens[1])


def line(message: object = "hello", *arguments: object, **extra: object) -> dict[str, Any]:
    record = logging.LogRecord("a.logger", logging.WARNING, __file__, 1, message, arguments, None)
    vars(record).update(extra)
    document: dict[str, Any] = json.loads(JsonFormatter("service").format(record))
    return document


def test_a_line_says_when_what_and_where() -> None:
    document = line("%s boats", 3)

    assert document.pop("time").endswith("+00:00")
    assert document == {"level": "warning", "service": "service", "logger": "a.logger", "message": "3 boats"}


def test_its_time_can_be_read_back() -> None:
    assert datetime.fromisoformat(line()["time"]).tzinfo is not None


@pytest.mark.usefixtures("ids")
def test_a_line_carries_the_ids_of_request_and_task() -> None:
    document = line()

    assert (document["request_id"], document["task_id"]) == ("request-0001", "task-0001")


def test_a_line_carries_extra_fields() -> None:
    assert line(milliseconds=1.5, path="/")["milliseconds"] == 1.5


def test_what_json_does_not_know_is_written_as_text() -> None:
    assert line(where=ConnectionRefusedError("no"))["where"] == "no"


def test_private_attributes_stay_private() -> None:
    assert "_secret" not in line(_secret="hunter2")


def test_a_message_cannot_forge_a_second_line() -> None:
    record = logging.LogRecord("a", logging.INFO, __file__, 1, 'one\n{"level": "forged"}\r\u2028', (), None)

    assert len(JsonFormatter("service").format(record).split("\n")) == 1


def test_an_exception_is_part_of_its_line() -> None:
    try:
        int("boat")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())

    document = json.loads(JsonFormatter("service").format(record))
    assert document["exception"].startswith("Traceback")
    assert document["exception"].endswith("ValueError: invalid literal for int() with base 10: 'boat'")


@pytest.mark.usefixtures("_root_logger")
def test_everything_goes_to_stdout_from_its_level_up(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(logging_config("service", "WARNING"))
    logging.getLogger("quiet").info("not shown")
    logging.getLogger("loud").warning("shown")

    captured = capsys.readouterr()
    assert [json.loads(text)["message"] for text in captured.out.splitlines()] == ["shown"]
    assert captured.err == ""


class Pipe:
    """A pipe that is read on demand, and a logger that writes to it."""

    def __init__(self) -> None:
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.stream = os.fdopen(writer, "w")
        self.handler = PipeHandler(self.stream)
        self.handler.setFormatter(JsonFormatter("service"))
        self.logger = logging.getLogger("sample")
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False
        self.logger.addHandler(self.handler)

    def fill(self) -> int:
        """Log more than the pipe holds, and return the number of lines."""
        for _ in range(1000):
            self.logger.info("x" * 1000)
        return 1000

    def read(self) -> str:
        """Return the content of the pipe."""
        pieces = []
        with suppress(BlockingIOError):
            while piece := os.read(self.reader, 1 << 20):
                pieces.append(piece)
        return b"".join(pieces).decode()

    def messages(self) -> list[str]:
        """Return the messages of the lines in the pipe."""
        return [json.loads(line)["message"] for line in self.read().splitlines()]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.logger.removeHandler(pipe.handler)
    pipe.handler.close()
    pipe.stream.close()
    os.close(pipe.reader)


def test_lines_are_dropped_rather_than_kept_waiting_by_a_reader_that_stands_still(pipe: Pipe) -> None:
    sent = pipe.fill()

    assert 0 < len(pipe.messages()) < sent


def test_it_reports_how_many_lines_were_dropped_once_there_is_room(pipe: Pipe) -> None:
    missing = pipe.fill() - len(pipe.messages())

    pipe.logger.info("room again")
    pipe.logger.info("and again")

    first, report, second = pipe.messages()
    assert (first, second) == ("room again", "and again")
    assert report.startswith(f"{missing} log lines ")


def test_a_line_that_was_taken_in_part_spoils_no_other(pipe: Pipe) -> None:
    pipe.logger.info("x" * (1 << 20))
    begun = pipe.read()

    pipe.logger.info("whole")

    assert not begun.endswith("\n")
    assert pipe.read().startswith("\n")
    pipe.logger.info("next")
    assert pipe.messages() == ["next"]


def test_a_reader_that_is_only_slow_loses_no_line(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PATIENCE", DEADLINE)
    taken: list[str] = []
    reader = threading.Thread(target=lambda: wait_for_lines(pipe, taken, 1001))
    reader.start()

    sent = pipe.fill()
    pipe.logger.info("last")
    reader.join()

    assert len("".join(taken).splitlines()) == sent + 1


def wait_for_lines(pipe: Pipe, taken: list[str], count: int) -> None:
    """Read a number of lines from the pipe, or until none arrived for ten seconds."""
    while "".join(taken).count("\n") < count and select.select([pipe.reader], [], [], 10)[0]:
        taken.append(os.read(pipe.reader, 1 << 12).decode())


def test_others_that_write_to_the_pipe_are_refused_nothing(pipe: Pipe) -> None:
    assert os.get_blocking(pipe.stream.fileno())


def test_a_closed_handler_writes_to_the_stream(pipe: Pipe) -> None:
    pipe.handler.close()

    pipe.logger.info("late")

    assert pipe.messages() == ["late"]


@pytest.mark.parametrize("safe", ["request-0001", "a" * 64, "0.9_A-zzz"])
def test_a_safe_request_id_is_kept(safe: str) -> None:
    assert accept_request_id(safe) == safe


@pytest.mark.parametrize(
    "unsafe",
    [None, "", "short", "a" * 65, "with space", "line\nbreak12", "ends-with-0001\n", "umläut-0001", '"quote-01"'],
)
def test_any_other_request_id_is_replaced_by_a_new_one(unsafe: str | None) -> None:
    first, second = accept_request_id(unsafe), accept_request_id(unsafe)

    assert first != second
    assert unsafe not in {first, second}
    assert accept_request_id(first) == first
