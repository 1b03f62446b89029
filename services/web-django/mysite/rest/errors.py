"""Error responses of the REST interface."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler

from mysite.errors import RETRY_AFTER, is_outage, log_outage, outage_message


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response for an exception: 503 in the caller's format while the database is away, else DRF's own.

    Args:
        error: the view's exception.
        context: the view, its arguments and the request.
    """
    if is_outage(error):
        log_outage(error)
        return Response({"detail": outage_message(error)}, status=503, headers={"Retry-After": str(RETRY_AFTER)})
    return exception_handler(error, context)
