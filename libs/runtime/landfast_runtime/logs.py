"""JSON logging on stdout with one request id from Nginx through Django or Flask to the task."""

from __future__ import annotations

import json
import logging
import os
import re
import select
import stat
import uuid
from contextlib import nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

#: Nginx sets it on every request; services return it, and pass it on to their tasks.
REQUEST_ID_HEADER = "X-Request-ID"

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
task_id: ContextVar[str | None] = ContextVar("task_id", default=None)

_ACCEPTABLE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

#: Seconds for which a line may wait once for the reader of the log.
PATIENCE = 0.25

#: ``json.dumps`` would make an encoder for each line.
_encode = json.JSONEncoder(default=str).encode


def accept_request_id(candidate: str | None) -> str:
    """Return the caller's request id if it is safe to log and to pass on, else a new one."""
    if candidate and _ACCEPTABLE_REQUEST_ID.fullmatch(candidate):
        return candidate
    return uuid.uuid4().hex


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object a line, with ``extra`` fields, request id and task id.

    Args:
        service: the Compose service's name, which every line has.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a JSON line."""
        extra = {k: v for k, v in vars(record).items() if k not in _STANDARD_ATTRIBUTES and not k.startswith("_")}
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            "task_id": task_id.get(),
        }
        line |= {name: value for name, value in extra.items() if name not in line}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return _encode({k: v for k, v in line.items() if v is not None})


class PipeHandler(logging.StreamHandler[TextIO]):
    """Writes log lines to a pipe, and does not wait for the pipe's reader.

    A thread that waited would hold this handler's lock, and block every other thread that logs. So a line is dropped if
    the pipe has no room for it within :data:`PATIENCE`, and later lines are dropped at once until there is room again:
    then the number of missing lines is logged. Other writers to the pipe still wait: this handler has its own
    descriptor.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._pipe = _open_again(stream)
        self._dropped = 0
        self._is_read = True
        self._within_line = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as a line, or count it as dropped."""
        if self._pipe is None:
            super().emit(record)
            return
        try:
            if not self._write(self._pipe, self.format(record)):
                self._dropped += 1
            elif self._dropped:
                self._report(self._pipe)
        except Exception:  # noqa: BLE001 - as in logging's own handlers, a failed line fails no request
            self.handleError(record)

    def close(self) -> None:
        """Close the pipe; later lines go to the stream."""
        with self.lock or nullcontext():
            pipe, self._pipe = self._pipe, None
            if pipe is not None:
                os.close(pipe)
        super().close()

    def _report(self, pipe: int) -> None:
        message = f"{self._dropped} log lines of this process were dropped: nothing read the container's output"
        values = {"name": __name__, "levelname": "WARNING", "levelno": logging.WARNING, "msg": message}
        if self._write(pipe, self.format(logging.makeLogRecord(values))):
            self._dropped = 0

    def _write(self, pipe: int, line: str) -> bool:
        """Write a line and return whether all of it was written."""
        data = ("\n" * self._within_line + line + self.terminator).encode(errors="backslashreplace")
        while data:
            try:
                data = data[os.write(pipe, data) :]
            except BlockingIOError:
                if not (self._is_read and _has_room(pipe)):
                    self._is_read = False
                    return False
            else:
                self._is_read, self._within_line = True, bool(data)
        return True


def _open_again(stream: TextIO) -> int | None:
    """Return a non-blocking descriptor of the stream's pipe; None if the stream is no pipe."""
    try:
        descriptor = stream.fileno()
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return None
        return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # the stream has no descriptor, or another user owns the pipe
        return None


def _has_room(pipe: int) -> bool:
    """Return whether the pipe has room within :data:`PATIENCE`."""
    poll = select.poll()
    poll.register(pipe, select.POLLOUT)
    return bool(poll.poll(PATIENCE * 1000))


def logging_config(service: str, level: str = "INFO") -> dict[str, Any]:
    """Return a ``logging.config.dictConfig`` dictionary that sends everything to stdout as JSON.

    Records omit fields that no line has and that cost a lookup each: threads, processes, asyncio's tasks.

    Args:
        service: the Compose service's name.
        level: the root logger's level.
    """
    for switch in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        setattr(logging, switch, False)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter, "service": service}},
        "handlers": {"stdout": {"()": PipeHandler, "stream": "ext://sys.stdout", "formatter": "json"}},
        "root": {"level": level, "handlers": ["stdout"]},
    }
