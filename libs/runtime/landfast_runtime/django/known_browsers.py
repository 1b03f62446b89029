"""Marks of browsers in which a user has logged in before, so that an attack from elsewhere does not lock the user out.

A mark is the value of a cookie, signed, for one account and its present password. Guesses from such a browser are
counted for it alone: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.core import signing

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


def mark(user: AbstractBaseUser, salt: str) -> str:
    """Return the mark of another browser of an account.

    Args:
        user: the account.
        salt: the purpose: a mark for another one is none for this.
    """
    return signing.dumps([*_identity(user), secrets.token_urlsafe(12)], salt=salt)


def name(value: str, user: AbstractBaseUser | None, salt: str, max_age: int) -> str | None:
    """Return the random name of a browser in which the account has logged in; None for any other.

    Args:
        value: the browser's cookie, or an empty string.
        user: the account, if there is one.
        salt: the purpose, as for :func:`mark`.
        max_age: seconds for which a mark holds.
    """
    try:
        number, fingerprint, found = signing.loads(value, salt=salt, max_age=max_age)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(found) if user is not None and [number, fingerprint] == _identity(user) else None


def _identity(user: AbstractBaseUser) -> list[object]:
    """Return the account and its present password."""
    return [user.pk, user.get_session_auth_hash()[:16]]
