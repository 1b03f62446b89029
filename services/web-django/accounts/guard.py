"""Limits of password guesses, which are checked before any password is hashed.

django-axes locks one name for one address (:mod:`accounts.lockout`). These limits bound guesses over many names, over
many addresses, and the hashes that logins cost. A stranger who uses them up shuts nobody out: an account under attack
stays open to browsers that have logged in before and, by a password reset, to its owner, and an attack on the whole
site leaves every address a few attempts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from axes.utils import reset
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from quotas.rates import ExceededError, Rate, forget, give_back, take
from quotas.visitors import network

from accounts import hashing
from accounts.browsers import known_as
from accounts.lockout import counted_name, found

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise
    from quotas.rates import Take

    from accounts.models import User

#: Logins, right or wrong, of an address or an account's known browsers: each costs a hash.
ATTEMPTS: Final = Rate("logins", 60, 600)
#: Wrong passwords of an address or a known browser, for whatever names.
FAILURES: Final = Rate("failures", 20, 900)
#: Wrong passwords for an account from everywhere but its known browsers.
ACCOUNT_FAILURES: Final = Rate("account-failures", 50, 3600)
#: Wrong passwords of all but known browsers. Beyond it the site is under attack, and the next rate applies, too.
ALL_FAILURES: Final = Rate("all-failures", 600, 3600)
#: Wrong passwords of one address while the site is under attack.
FAILURES_UNDER_ATTACK: Final = Rate("failures-under-attack", 3, 900)
#: Guesses of the current password by a browser that is logged in.
OWN_PASSWORD: Final = Rate("own-password", 10, 3600)

_TAKEN = "_accounts_taken"


class GuardBackend:
    """An authentication backend that authenticates nobody, and goes before those that hash."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:  # noqa: ANN401 - Django's own
        """Count an attempt.

        Raises:
            ExceededError: too many were made.
        """
        if request is None or not credentials.get("username"):
            return
        user = found(request, credentials)
        browser = known_as(request, user)
        hashing.known.set(browser is not None)
        who = f"browser {browser}" if browser else network(request)
        counted = [(FAILURES, who)]
        if browser is None:
            counted += [(ACCOUNT_FAILURES, counted_name(request, credentials))]
        # All known browsers of an account together: a login makes another one.
        attempts = f"account {user.pk}" if browser and user else who
        _take([(ATTEMPTS, attempts)], _("You have logged in too often."))
        _take(counted, _("There were too many wrong passwords."))
        if browser is None:
            if not take([(ALL_FAILURES, "")]):
                counted += [(ALL_FAILURES, "")]
            else:
                _take([(FAILURES_UNDER_ATTACK, who)], _("There were too many wrong passwords."))
                counted += [(FAILURES_UNDER_ATTACK, who)]
        vars(request)[_TAKEN] = counted


def succeeded(request: HttpRequest) -> None:
    """Count the request's attempt as no failure: the password was right."""
    give_back(vars(request).pop(_TAKEN, ()))


@receiver(user_logged_in, dispatch_uid="accounts.guard")
def _logged_in(request: HttpRequest, **_kwargs: object) -> None:
    succeeded(request)


def check_own_password(user: User, password: str) -> bool:
    """Return whether a logged-in user's current password is right.

    Raises:
        ExceededError: too many wrong ones were given; whoever took over a browser must not find the password there.
    """
    taken = [(OWN_PASSWORD, str(user.pk))]
    _take(taken, _("There were too many wrong passwords."))
    hashing.known.set(True)
    right = user.check_password(password)
    if right:
        give_back(taken)
    return right


def unlock(user: User) -> bool:
    """Unlock a user's logins at once, from every address.

    Returns:
        Whether any failures were recorded.
    """
    name = user.get_username()
    return bool(reset(username=name)) | forget(ACCOUNT_FAILURES, name)


def _take(takes: list[Take], reason: str | _StrPromise) -> None:
    wait = take(takes)
    if wait:
        minutes = max(1, round(wait / 60))
        rest = ngettext("Please try again in %d minute.", "Please try again in %d minutes.", minutes) % minutes
        raise ExceededError(f"{reason} {rest}", wait)
