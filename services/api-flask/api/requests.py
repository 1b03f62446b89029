"""Hooks around every request: an id that its log lines and tasks share, one log line, no caching."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request
from landfast_runtime.logs import REQUEST_ID_HEADER, accept_request_id, request_id

logger = logging.getLogger(__name__)

#: Paths of health checks, which would flood the log.
UNLOGGED = frozenset({"/healthz", "/readyz"})


def register_request_hooks(app: Flask) -> None:
    """Register this module's hooks for every request of ``app``."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def _begin() -> None:
    g.started = time.monotonic()
    request_id.set(accept_request_id(request.headers.get(REQUEST_ID_HEADER)))


def _end(response: Response) -> Response:
    response.headers[REQUEST_ID_HEADER] = request_id.get() or ""
    response.headers.setdefault("Cache-Control", "no-store")
    if request.path not in UNLOGGED:
        milliseconds = round((time.monotonic() - g.started) * 1000, 1)
        fields = {"method": request.method, "path": request.path, "status": response.status_code}
        logger.info("request", extra={**fields, "milliseconds": milliseconds})
    return response


def _forget(_error: BaseException | None) -> None:
    request_id.set(None)
