"""Liveness of Django (``/healthz``). The console reports the readiness of its dependencies."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer while this process does, without any dependency."""
    return HttpResponse("ok\n", content_type="text/plain")
