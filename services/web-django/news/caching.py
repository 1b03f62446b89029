"""HTTP caching of pages.

A page that is the same for everybody may be cached: by Nginx for a second (docs/adr/0045), by browsers if they
revalidate it by its ETag, which Django's ``ConditionalGetMiddleware`` makes from the content. So an editor's change
shows within a second. A page for one user, or with a message for one visitor, must not be cached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import http_date

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

#: Seconds for which a public page may be cached by Nginx.
PUBLIC_FOR = 1

#: Cookies that make a page personal: the session, and pending messages.
PERSONAL_COOKIES = (settings.SESSION_COOKIE_NAME, "messages")


def is_personal(request: HttpRequest) -> bool:
    """Return whether the page may differ from an anonymous visitor's."""
    return any(cookie in request.COOKIES for cookie in PERSONAL_COOKIES)


def mark(
    request: HttpRequest,
    response: HttpResponseBase,
    last_modified: datetime | None = None,
    *,
    parameters: Sequence[str] = (),
) -> None:
    """Set the caching headers of a page.

    Args:
        request: the request.
        response: the page.
        last_modified: the time of the content's last change, if known.
        parameters: the parameters of the query by which the page varies; caches ignore all others.
    """
    patch_vary_headers(response, ("Cookie", "Accept-Language"))
    if is_personal(request):
        patch_cache_control(response, private=True, no_store=True)
        return
    patch_cache_control(response, public=True, max_age=0, s_maxage=PUBLIC_FOR)
    # https://datatracker.ietf.org/doc/draft-ietf-httpbis-no-vary-search/
    names = " ".join(f'"{name}"' for name in parameters)
    response.headers["No-Vary-Search"] = f"params, except=({names})" if names else "params"
    # A date does not show all changes (a category's new name, a deleted article): only the ETag answers 304.
    request.META.pop("HTTP_IF_MODIFIED_SINCE", None)
    if last_modified:
        response.headers["Last-Modified"] = http_date(last_modified.timestamp())
