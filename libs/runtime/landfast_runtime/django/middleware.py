"""Middleware for every request of a Django project: the request id, and a ban on caching."""

from __future__ import annotations

from typing import TYPE_CHECKING

from landfast_runtime.logs import REQUEST_ID_HEADER, accept_request_id, request_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """Gives every log line and task of a request the id that Nginx chose, and returns the id to the caller.

    Args:
        get_response: the next handler.
    """

    def __init__(self, get_response: GetResponse) -> None:
        """Remember what to wrap."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request under its id."""
        token = request_id.set(accept_request_id(request.headers.get(REQUEST_ID_HEADER)))
        try:
            response = self._get_response(request)
            response.headers[REQUEST_ID_HEADER] = request_id.get() or ""
            return response
        finally:
            request_id.reset(token)


class PrivateByDefaultMiddleware:
    """Forbids caching of every response that has no caching headers of its own.

    Args:
        get_response: the next handler.
    """

    def __init__(self, get_response: GetResponse) -> None:
        """Remember what to wrap."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        response = self._get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
