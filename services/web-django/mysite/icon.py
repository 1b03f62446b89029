"""The site's icon at its default address, for pages that name none: Nginx's own, and documents for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect
from django.templatetags.static import static
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
@cache_control(public=True, max_age=86400)
def icon(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Redirect to the icon of the site's own pages."""
    return redirect(static("mysite/mark.svg"))
