"""The lockout after failed logins: the functions that django-axes calls, and the administrator's unlock.

Failures are counted in the database, so every process of every host sees the same number.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from axes.utils import reset
from django.conf import settings
from django.shortcuts import render
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from accounts.models import User


@sensitive_variables("credentials")
def counted_name(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Return the name that failures count for, in one case: logins ignore the case of names, and so does the count."""
    name = (credentials or {}).get("username") or request.POST.get("username", "")
    return canonical(str(name))


def canonical(name: str) -> str:
    """Return a name in its normal form for the count."""
    return unicodedata.normalize("NFKC", name).casefold()[:255]


@sensitive_variables("credentials")
def locked_page(
    request: HttpRequest, _response: HttpResponse | None = None, _credentials: Mapping[str, Any] | None = None
) -> HttpResponse:
    """Return the page for a locked login: the reason, the duration and the way out."""
    response = render(request, "accounts/locked.html", {"explanation": explanation()}, status=429)
    response.headers["Retry-After"] = str(int(settings.AXES_COOLOFF_TIME.total_seconds()))
    response.headers["Cache-Control"] = "private, no-store"
    return response


def explanation() -> str:
    """Return the reason and the duration."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    text = ngettext(
        "The password was wrong too often. This login is locked for %(minutes)s minute, even with the right password.",
        "The password was wrong too often. This login is locked for %(minutes)s minutes, even with the right password.",
        minutes,
    )
    return text % {"minutes": minutes}


def unlock(user: User) -> bool:
    """Unlock a user's logins at once, from every address.

    Returns:
        Whether any failures were recorded.
    """
    return bool(reset(username=canonical(user.get_username())))
