"""Browsers that a user has logged in with before, so that an attack from elsewhere does not lock the user out.

A login leaves a mark in the browser (:mod:`landfast_runtime.django.known_browsers`). Only login pages receive the
cookie, because a cookie makes a page one of its own for caches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.urls import reverse
from landfast_runtime.django import known_browsers

from accounts import hashing

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from accounts.models import User

#: The cookie of each login page.
COOKIES: Final = {"known_browser": "accounts:login", "known_browser_admin": "admin:login"}
SALT: Final = "accounts.browsers"
_NEW: Final = "_accounts_new_browser"
MAX_AGE: Final = 365 * 24 * 3600


def known_as(request: HttpRequest, user: User | None) -> str | None:
    """Return the random name of a browser in which an account has logged in; None for any other."""
    values = (request.COOKIES.get(cookie, "") for cookie in COOKIES)
    names = (known_browsers.name(value, user, SALT, MAX_AGE) for value in values)
    return next((name for name in names if name), None)


@receiver(user_logged_in, dispatch_uid="accounts.remember_browser")
def remember(request: HttpRequest, user: User, **_: object) -> None:
    """Let the middleware set the cookies, unless the browser has them: after a login or a new password."""
    if known_as(request, user) is None:
        vars(request)[_NEW] = known_browsers.mark(user, SALT)


class KnownBrowserMiddleware:
    """Sets the cookies in the response to a login.

    Args:
        get_response: the next handler.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Remember what to wrap."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        hashing.known.set(False)  # the thread's last request may have been another visitor's
        response = self._get_response(request)
        if _NEW in vars(request):
            for cookie, page in COOKIES.items():
                response.set_cookie(
                    cookie,
                    vars(request)[_NEW],
                    max_age=MAX_AGE,
                    path=reverse(page),
                    secure=settings.SESSION_COOKIE_SECURE,
                    httponly=True,
                    samesite="Lax",
                )
        return response
