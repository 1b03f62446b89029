"""Access to the operators' pages (Flower, RabbitMQ): Nginx sends a subrequest here before it forwards a request."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache


@never_cache
def operator(request: HttpRequest) -> HttpResponse:
    """Answer 204 to operators, 401 to anonymous visitors and 403 to other users, for Nginx's ``auth_request``."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    return HttpResponse(status=204 if request.user.is_staff else 403)
