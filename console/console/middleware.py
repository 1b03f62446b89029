"""A log of changes, and a 503 page while the database is down."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin
from landfast_runtime.shortage import outage

from console import access

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

#: Django's errors when PostgreSQL is down, refuses, restarts or takes too long.
OUTAGES = (OperationalError, InterfaceError)

#: The first status of a refusal.
FORBIDDEN = 400

#: Seconds after which browsers should retry.
RETRY_AFTER = 10


class AuditMiddleware:
    """Logs every request of an operator that changes something in the console itself.

    Args:
        get_response: the next handler of the request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Remember the next handler."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, and log it with the user who sent it."""
        if request.method in access.READING or not request.path.startswith(settings.CSRF_COOKIE_PATH):
            return self._get_response(request)
        username = request.user.get_username()
        response = self._get_response(request)
        username = username or request.user.get_username()  # a login
        if username:
            status = response.status_code
            access.record(username, request.method or "", request.path, allowed=status < FORBIDDEN, status=status)
        return response


class OutageMiddleware(MiddlewareMixin):
    """Answers 503 for an outage within a view; :func:`server_error` does the same for middleware."""

    def process_exception(self, _request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the answer for an outage if an outage made the view fail."""
        return unavailable(exception) if isinstance(exception, OUTAGES) else None


def unavailable(error: BaseException) -> HttpResponse:
    """Return the page for a database that does not answer; it uses neither database nor session."""
    logger.warning("%s: %s", outage("the database", error), error)
    headers = {"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"}
    return HttpResponse(render_to_string("console/503.html"), status=503, headers=headers)


def server_error(_request: HttpRequest) -> HttpResponse:
    """Answer for an unhandled exception: 503 for an outage, else 500."""
    error = sys.exception()
    if isinstance(error, OUTAGES):
        return unavailable(error)
    return HttpResponse(render_to_string("console/500.html"), status=500)
