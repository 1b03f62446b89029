"""Error responses in the caller's format: pages for people, JSON for programs.

Those for 500 and 503 use neither database nor session, which may be the cause.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TypeGuard

from accounts import guard, lockout
from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.template.loader import render_to_string
from django.utils.csp import CSP
from django.utils.translation import gettext as _
from django.views import defaults
from django.views.debug import technical_500_response
from django.views.decorators.csp import csp_override
from landfast_runtime.shortage import outage, shortage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from quotas.rates import ExceededError

logger = logging.getLogger(__name__)

#: Django's exceptions when PostgreSQL is away, refuses, restarts or takes too long.
OUTAGES = (OperationalError, InterfaceError)

#: Seconds after which browsers and robots may retry.
RETRY_AFTER = 10

#: For Django's debug page, which only laptops show: its styles and scripts are inline.
TRACEBACK_CSP = {"default-src": [CSP.NONE], "script-src": [CSP.UNSAFE_INLINE], "style-src": [CSP.UNSAFE_INLINE]}

#: The interfaces for programs.
_REST, _GRAPHQL = "/rest/", "/graphql/"


class Refused(BadRequest):
    """A request that is refused before any view.

    Args:
        message: the reason, for the caller.
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def wants_json(request: HttpRequest) -> bool:
    """Return whether the caller reads JSON rather than a page."""
    if request.path_info.startswith(_GRAPHQL):
        return True
    kinds = ["text/html", "application/json"]
    if request.path_info.startswith(_REST):
        kinds.reverse()  # without a preference, the first
    return request.get_preferred_type(kinds) == "application/json"


def as_json(request: HttpRequest, message: str, status: int) -> JsonResponse:
    """Return an error in the format of the called interface."""
    graphql = request.path_info.startswith(_GRAPHQL)
    return JsonResponse({"errors": [{"message": message}]} if graphql else {"detail": message}, status=status)


def is_outage(error: BaseException | None) -> TypeGuard[BaseException]:
    """Return whether an error is an outage: the database is away or full, or the disk of pictures is full."""
    return isinstance(error, OUTAGES) or (isinstance(error, OSError) and shortage(error) is not None)


def outage_message(error: BaseException) -> str:
    """Return an outage's message for the caller, which differs for a full and an absent server."""
    if shortage(error):
        return _("The site has no room left, so nothing was saved. Please try again later.")
    return _("The database does not answer at this moment. Please try again soon.")


def log_outage(error: BaseException) -> None:
    """Log an outage in one line; a full disk needs an operator, so it is an error."""
    level = logging.ERROR if shortage(error) else logging.WARNING
    server = "the database" if isinstance(error, OUTAGES) else "the site"
    logger.log(level, "%s: %s", outage(server, error), error)


def unavailable(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Return the response for a database that does not answer, or for a full disk."""
    log_outage(error)
    message = outage_message(error)
    json = wants_json(request)
    page = "" if json else render_to_string("503.html", {"full": message if shortage(error) else ""})
    response = as_json(request, message, 503) if json else HttpResponse(page, status=503)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    response.headers["Cache-Control"] = "no-store"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the response for an uncaught exception: 503 if it is an outage, else 500.

    Exceptions of middleware, such as a session that cannot be stored, arrive only here.
    """
    if is_outage(error := sys.exception()):
        return unavailable(request, error)
    if wants_json(request):
        return as_json(request, _("Something broke on our side"), 500)
    if settings.DEBUG_PAGES:
        return traceback(request)
    return HttpResponseServerError(render_to_string("500.html"))


@csp_override(TRACEBACK_CSP)
def traceback(request: HttpRequest) -> HttpResponse:
    """Return Django's debug page for the current exception, with its own styles and scripts."""
    return technical_500_response(request, *sys.exc_info())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response for a bad request."""
    status = 413 if isinstance(exception, RequestDataTooBig) else getattr(exception, "status", 400)
    # Django's own messages for suspicious requests are for the log.
    message = str(exception) if isinstance(exception, Refused) else ""
    if wants_json(request):
        return as_json(request, message or _("We could not make sense of that"), status)
    return HttpResponse(render_to_string("400.html", {"message": message}), status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response for an unknown address."""
    if wants_json(request):
        text = _("There is no page at this address. It may have been moved, withdrawn, or never have been there.")
        return as_json(request, text, 404)
    return defaults.page_not_found(request, exception)


def too_many(request: HttpRequest, error: ExceededError) -> HttpResponse:
    """Return the response for an exceeded limit."""
    guard.succeeded(request)  # no password was found wrong
    if wants_json(request):
        response: HttpResponse = as_json(request, str(error.message), 429)
    else:
        response = HttpResponse(render_to_string("429.html", {"message": error.message}), status=429)
    response.headers["Retry-After"] = str(error.wait)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def locked_out(
    request: HttpRequest,
    response: HttpResponse | None = None,
    credentials: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """Return the response for a locked login; see :func:`accounts.lockout.locked_page`."""
    page = lockout.locked_page(request, response, credentials)
    if not wants_json(request):
        return page
    answer = as_json(request, lockout.explanation(), page.status_code)
    for name in ("Retry-After", "Cache-Control"):
        answer.headers[name] = page.headers[name]
    return answer
