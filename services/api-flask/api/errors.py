"""Errors as problem documents (RFC 9457): every error, including Flask's own, is ``application/problem+json``.

There are two members beside those of the RFC: ``field`` names the faulty part of the request, and ``errors`` lists
every fault when there may be several.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import psycopg
import redis.exceptions
import sqlalchemy.exc
from flask import Flask, Response
from landfast_runtime.shortage import outage, shortage
from pydantic import BaseModel, Field
from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MEDIA_TYPE = "application/problem+json"

#: Seconds after which a client may retry when a dependency is away.
RETRY_AFTER = 5

#: Client libraries' exceptions when the service behind them does not serve.
UNAVAILABLE: dict[type[Exception], str] = {
    sqlalchemy.exc.OperationalError: "postgres",
    sqlalchemy.exc.InterfaceError: "postgres",
    sqlalchemy.exc.TimeoutError: "postgres",
    # Tasks are written by the driver itself.
    psycopg.OperationalError: "postgres",
    psycopg.InterfaceError: "postgres",
    redis.exceptions.RedisError: "redis",
}


class Fault(BaseModel):
    """One fault of a request."""

    field: str = Field(description="the field or parameter to blame; parts of a path are joined by dots")
    detail: str


class Problem(BaseModel):
    """A problem document."""

    type: str = Field(default="about:blank", description="about:blank: the status says what kind of problem it is")
    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(description="what is wrong, and what would be right")
    field: str | None = Field(default=None, description="the field or parameter to blame")
    errors: list[Fault] | None = Field(default=None, description="every fault that was found")


class ApiError(Exception):
    """An error response.

    Args:
        status: the HTTP status.
        message: the fault, and the valid values.
        field: the faulty field of the request; by default that of the first fault.
        faults: all faults, when there may be several.
        headers: further headers of the response.
    """

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        field: str | None = None,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field or (faults[0].field if faults else None)
        self.faults = list(faults)
        self.headers = dict(headers or {})


def error_response(
    status: HTTPStatus, message: str, *, field: str | None = None, faults: list[Fault] | None = None
) -> Response:
    """Return the problem document of an error."""
    problem = Problem(title=status.phrase, status=status, detail=message, field=field, errors=faults or None)
    return problem_response(problem)


def problem_response(problem: Problem) -> Response:
    """Return a problem document as a response with its status."""
    return Response(problem.model_dump_json(exclude_none=True) + "\n", problem.status, content_type=MEDIA_TYPE)


def first_line(error: Exception) -> str:
    """Return an error's type and its first line: an outage needs no traceback for each request."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def register_error_handlers(app: Flask) -> None:
    """Make every error of ``app`` a problem document."""
    app.register_error_handler(ApiError, _answer_api_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    for error, dependency in UNAVAILABLE.items():
        app.register_error_handler(error, _answer_unavailable(app, dependency))


def _answer_api_error(error: ApiError) -> Response:
    response = error_response(error.status, error.message, field=error.field, faults=error.faults)
    response.headers.update(error.headers)
    return response


def _answer_http_error(error: HTTPException) -> Response:
    # An unhandled exception arrives here as an InternalServerError; Flask has logged it with its traceback.
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    response = error_response(status, error.description or status.description)
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            response.headers[name] = value  # such as Allow
    return response


def _answer_unavailable(app: Flask, dependency: str) -> Callable[[Exception], Response]:
    def answer(error: Exception) -> Response:
        what = outage(dependency, error)
        if shortage(error):
            app.logger.error(what, extra={"problem": first_line(error)})
            message = f"{what}: nothing was stored; try again once there is room"
        else:
            app.logger.warning("%s is unavailable", dependency, extra={"problem": first_line(error)})
            message = f"{what} at the moment; try again in a few seconds"
        response = error_response(HTTPStatus.SERVICE_UNAVAILABLE, message)
        response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    return answer
