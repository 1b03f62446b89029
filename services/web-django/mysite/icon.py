"""The site's icon, where browsers look for it on pages that name none: Nginx's own, and documents for programs."""

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
def icon(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django hands it over
    """Send the browser on to the icon that the site's own pages name."""
    return redirect(static("mysite/mark.svg"))
