"""The lockout after failed logins: the functions that django-axes calls.

Failures are counted in the database, so every process of every host sees the same number.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.shortcuts import render
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from accounts.models import User

_FOUND = "_accounts_found"


@sensitive_variables("credentials")
def counted_name(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Return the name that failures count for: that of the account that a login would find, however it is written.

    The same query decides both. A rule of our own for equal names would differ from PostgreSQL's for some letter, and
    each way to write such a name would have attempts of its own. A name of nobody counts in its normal form.
    """
    user = found(request, credentials)
    return canonical(_typed(request, credentials)) if user is None else user.get_username()


def found(request: HttpRequest, credentials: Mapping[str, Any] | None) -> User | None:
    """Return the account that a login with these credentials would find; queried once for each request and name."""
    typed = _typed(request, credentials)
    known: tuple[str, User | None] | None = vars(request).get(_FOUND)
    if known is None or known[0] != typed:
        try:
            user = get_user_model()._default_manager.get_by_natural_key(typed)  # noqa: SLF001 - as Django's backend does
        except get_user_model().DoesNotExist:
            user = None
        vars(request)[_FOUND] = known = (typed, user)
    return known[1]


def canonical(name: str) -> str:
    """Return a name of nobody in its normal form for the count."""
    return unicodedata.normalize("NFKC", name).casefold()[:255]


def _typed(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    return str((credentials or {}).get("username") or request.POST.get("username", ""))


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
