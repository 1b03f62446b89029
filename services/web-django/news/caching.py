"""What caches between us and readers may keep.

A page that looks the same to everybody may be kept for a minute, and is asked for again by its ETag (Django's
``ConditionalGetMiddleware`` makes that of the content). A page that was made for somebody,
or that has a message for somebody, is nobody else's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import http_date

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

#: Seconds that anybody may keep a public page for.
PUBLIC_FOR = 60

#: Cookies that make a page somebody's own: who is logged in, and what is still to be said to them.
PERSONAL_COOKIES = (settings.SESSION_COOKIE_NAME, "messages")


def is_personal(request: HttpRequest) -> bool:
    """Return whether the page may differ from what strangers see."""
    return any(cookie in request.COOKIES for cookie in PERSONAL_COOKIES)


def mark(request: HttpRequest, response: HttpResponseBase, last_modified: datetime | None = None) -> None:
    """Say in the headers who may keep a page, and for how long.

    Args:
        request: who asks.
        response: the page.
        last_modified: when its content last changed, if that is known.
    """
    patch_vary_headers(response, ("Cookie", "Accept-Language"))
    if is_personal(request):
        patch_cache_control(response, private=True, no_store=True)
        return
    patch_cache_control(response, public=True, max_age=PUBLIC_FOR)
    # A date alone cannot tell all changes (a category's new name, an article that is gone): only the ETag saves a page.
    request.META.pop("HTTP_IF_MODIFIED_SINCE", None)
    if last_modified:
        response.headers["Last-Modified"] = http_date(last_modified.timestamp())
