"""The pages for what goes wrong. Those for 500 and 503 touch neither database nor session: these may be the cause."""

from __future__ import annotations

import logging
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)

#: What Django raises when PostgreSQL is gone, refuses, restarts or takes too long.
OUTAGES = (OperationalError, InterfaceError)

#: Seconds after which browsers and robots are asked to come back.
RETRY_AFTER = 10


def unavailable() -> HttpResponse:
    """Return the page for a database that does not answer."""
    return HttpResponse(
        render_to_string("503.html"),
        status=503,
        headers={"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"},
    )


def server_error(_request: HttpRequest) -> HttpResponse:
    """Answer for an exception that nothing else caught: 503 if it is the database's outage, else 500.

    Exceptions of middleware, such as a session that cannot be stored, only ever arrive here.
    """
    if isinstance(sys.exception(), OUTAGES):
        return unavailable()
    return HttpResponseServerError(render_to_string("500.html"))
