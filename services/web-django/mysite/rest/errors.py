"""Error responses of the REST interface."""

from __future__ import annotations

from typing import Any

from quotas.rates import ExceededError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from mysite.errors import RETRY_AFTER, is_outage, log_outage, outage_message, too_many


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response for an exception: 503 while the database is away, 429 for a limit, else DRF's own.

    Args:
        error: the view's exception.
        context: the view, its arguments and the request.
    """
    if is_outage(error):
        log_outage(error)
        return Response({"detail": outage_message(error)}, status=503, headers={"Retry-After": str(RETRY_AFTER)})
    if isinstance(error, ExceededError):
        refused = too_many(context["request"]._request, error)  # noqa: SLF001 - DRF gives no other way to Django's request
        headers = {"Retry-After": refused.headers["Retry-After"]}
        return Response({"detail": str(error.message)}, status=refused.status_code, headers=headers)
    return exception_handler(error, context)
