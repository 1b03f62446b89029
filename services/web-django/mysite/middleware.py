"""Middleware for every request: proper responses to outages and exceeded limits, and the visitor's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.middleware.locale import LocaleMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin
from quotas.rates import ExceededError

from mysite import errors

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase


class DatabaseOutageMiddleware(MiddlewareMixin):
    """Answers 503 for an outage within a view; :func:`mysite.errors.server_error` does so for middleware."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the response for an outage if an outage made the view fail."""
        if not errors.is_outage(exception):
            return None
        return errors.unavailable(request, exception)


class TooManyMiddleware(MiddlewareMixin):
    """Answers 429 where a view finds a limit exceeded."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the response for an exceeded limit."""
        return errors.too_many(request, exception) if isinstance(exception, ExceededError) else None


class LanguageMiddleware(LocaleMiddleware):
    """Django's own, which chooses by cookie, then by the browser's preference, but adds only the latter to ``Vary``."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the cookie to ``Vary``, too: one visitor's choice must not affect another visitor's page."""
        patch_vary_headers(response, ("Cookie",))
        return super().process_response(request, response)
