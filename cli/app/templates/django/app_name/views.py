"""The pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render

if TYPE_CHECKING:
    from django.http import HttpRequest


def index(request: HttpRequest) -> HttpResponse:
    """Return the first page."""
    return render(request, "index.html")


def healthz(_request: HttpRequest) -> HttpResponse:
    """Return that this process answers. It does not ask the database, whose failure must not restart it."""
    return HttpResponse("ok\n", content_type="text/plain")
