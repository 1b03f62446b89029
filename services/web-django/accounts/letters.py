"""Requests for mails, which commit together with their cause or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db import transaction

from accounts import signals
from accounts.models import User

if TYPE_CHECKING:
    from django.dispatch import Signal

#: Seconds within which a user gets no second mail of a kind, so that forms cannot be used to flood an inbox.
PAUSE = 60


class LettersUnavailableError(Exception):
    """No mail can be requested at this moment; its cause was rolled back."""


def request(signal: Signal, user: User) -> None:
    """Request a mail, within the transaction of its cause.

    Args:
        signal: the kind of mail.
        user: the recipient.

    Raises:
        LettersUnavailableError: no mail can be requested now.
    """
    try:
        signal.send(sender=User, user=user)
    except ConnectionError as error:
        raise LettersUnavailableError from error


def request_password_reset(email: str | None) -> None:
    """Request a mail with a reset link to the user with an address; for an unknown address the same work is done.

    Args:
        email: a visitor's input; None: the address has got enough letters, and the same work is done for nobody.

    Raises:
        LettersUnavailableError: no mail can be requested now; this is independent of the address.
    """
    user = User.objects.filter(email__iexact=email, is_active=True).first() if email else None
    if user is not None and not user.has_usable_password():
        user = None
    _request_limited("password-reset", signals.password_reset_requested, user)


def request_verification(email: str | None) -> None:
    """Request another verification mail to an unverified address; for any other address the same work is done.

    Args:
        email: a visitor's input; None: the address has got enough letters, and the same work is done for nobody.

    Raises:
        LettersUnavailableError: no mail can be requested now; this is independent of the address.
    """
    user = None
    if email:
        user = User.objects.filter(email__iexact=email, email_verified_at=None, is_active=True).first()
    if user is None and email:
        pending = User.objects.filter(pending_email__iexact=email, is_active=True)
        user = pending.first()
    _request_limited("verification", signals.verification_requested, user)


def _request_limited(kind: str, signal: Signal, user: User | None) -> None:
    key = f"accounts:letter:{kind}:{user.pk if user else 'nobody'}"
    due = cache.add(key, 1, PAUSE)
    # While the cache is away, nothing is limited: every requested mail is sent.
    if user is not None and not due and cache.get(key) is not None:
        user = None
    try:
        with transaction.atomic():
            request(signal, user or User(pk=signals.NOBODY))
    except LettersUnavailableError:
        cache.delete(key)
        raise
