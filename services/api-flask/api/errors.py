"""Errors as JSON: every one, Flask's own included, is ``{"error": ..., "message": ...}`` and maybe a ``field``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import kombu.exceptions
import redis.exceptions
import sqlalchemy.exc
from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds after which a client may try again when a dependency is missing.
RETRY_AFTER = 5

#: What client libraries raise when the service behind them does not serve.
UNAVAILABLE: dict[type[Exception], str] = {
    sqlalchemy.exc.OperationalError: "postgres",
    sqlalchemy.exc.InterfaceError: "postgres",
    sqlalchemy.exc.TimeoutError: "postgres",
    kombu.exceptions.OperationalError: "rabbitmq",
    redis.exceptions.RedisError: "redis",
}


class ApiError(Exception):
    """An answer other than success.

    Args:
        status: the HTTP status.
        message: what is wrong, and what would be right.
        field: the field of the request body that is to blame.
    """

    def __init__(self, status: HTTPStatus, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field


def error_response(status: HTTPStatus, message: str, *, field: str | None = None) -> Response:
    """Return the JSON document of an error; its slug is the status's standard name."""
    body = {"error": status.phrase.lower().replace(" ", "_").replace("-", "_"), "message": message}
    if field is not None:
        body["field"] = field
    response = jsonify(body)
    response.status_code = status
    return response


def first_line(error: Exception) -> str:
    """Return an error's type and the first line of what it says: an outage needs no traceback for each request."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def register_error_handlers(app: Flask) -> None:
    """Make every error of ``app`` a JSON document."""
    app.register_error_handler(ApiError, _answer_api_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    for error, dependency in UNAVAILABLE.items():
        app.register_error_handler(error, _answer_unavailable(app, dependency))


def _answer_api_error(error: ApiError) -> Response:
    return error_response(error.status, error.message, field=error.field)


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
        app.logger.warning("%s is unavailable", dependency, extra={"problem": first_line(error)})
        message = f"{dependency} does not answer at the moment; try again in a few seconds"
        response = error_response(HTTPStatus.SERVICE_UNAVAILABLE, message)
        response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    return answer
