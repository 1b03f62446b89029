"""The choice of a language: a form with a button for each, and a cookie that stores it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBadRequest, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@csrf_exempt
@never_cache
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Store the language and redirect to the page.

    The form is on every page, and public pages set no cookie so that they can be cached: so there is no CSRF token.
    Browsers send the origin of a form; a form of another site is refused.

    Raises:
        PermissionDenied: the form is from another site.
    """
    if not _comes_from_here(request):
        raise PermissionDenied("the form comes from another site")
    code = request.POST.get("language", "")
    if code not in dict(settings.LANGUAGES):
        return HttpResponseBadRequest("no such language")
    target = request.POST.get("next", "")
    # Nginx passes on the host that the visitor typed.
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    if request.user.is_authenticated:
        request.user.language = code
        request.user.save(update_fields=["language"])
    response = HttpResponseRedirect(target)
    remember(response, code)
    return response


def remember(response: HttpResponse, code: str) -> None:
    """Set the cookie of a language."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )


def _comes_from_here(request: HttpRequest) -> bool:
    """Return whether the browser reports our site as the form's origin; current browsers send one of the headers."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    return origin.partition("://")[2] == request.get_host() or origin in settings.CSRF_TRUSTED_ORIGINS
