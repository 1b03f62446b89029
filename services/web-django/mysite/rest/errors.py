"""What callers are told when something goes wrong."""

from __future__ import annotations

import logging
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.response import Response
from rest_framework.views import exception_handler

from mysite.errors import OUTAGES, RETRY_AFTER

logger = logging.getLogger(__name__)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer for an exception: 503 in the caller's format while the database is away, else DRF's own.

    Args:
        error: what the view raised.
        context: the view, its arguments and the request.
    """
    if isinstance(error, OUTAGES):
        logger.warning("the database does not answer: %s", error)
        detail = {"detail": _("The database does not answer at this moment. Please try again soon.")}
        return Response(detail, status=503, headers={"Retry-After": str(RETRY_AFTER)})
    return exception_handler(error, context)
