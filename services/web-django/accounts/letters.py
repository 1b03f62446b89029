"""Asking for letters: whatever asks for one comes about together with it, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db import transaction

from accounts import signals
from accounts.models import User

if TYPE_CHECKING:
    from django.dispatch import Signal

#: Seconds within which nobody is sent a second letter of a kind: a form is no way to flood somebody's inbox.
PAUSE = 60


class LettersUnavailableError(Exception):
    """Nobody takes letters at this moment; whatever the letter belonged to has not happened."""


def ask(signal: Signal, user: User) -> None:
    """Ask for a letter, within the transaction of what it belongs to.

    Args:
        signal: which letter.
        user: whom it is for.

    Raises:
        LettersUnavailableError: nobody takes letters.
    """
    try:
        signal.send(sender=User, user=user)
    except ConnectionError as error:
        raise LettersUnavailableError from error


def ask_for_password_reset(email: str) -> None:
    """Ask for a letter with a reset link to whoever has that address; for nobody the same work is done.

    Args:
        email: what a visitor typed.

    Raises:
        LettersUnavailableError: nobody takes letters; this says nothing of the address.
    """
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is not None and not user.has_usable_password():
        user = None
    _ask_in_turn("password-reset", signals.password_reset_requested, user)


def ask_for_verification(email: str) -> None:
    """Ask for another verification letter to whoever waits for one at that address; for nobody the same work is done.

    Args:
        email: what a visitor typed.

    Raises:
        LettersUnavailableError: nobody takes letters; this says nothing of the address.
    """
    user = User.objects.filter(email__iexact=email, email_verified_at=None, is_active=True).first()
    if user is None:
        pending = User.objects.filter(pending_email__iexact=email, is_active=True)
        user = pending.first()
    _ask_in_turn("verification", signals.verification_requested, user)


def _ask_in_turn(kind: str, signal: Signal, user: User | None) -> None:
    key = f"accounts:letter:{kind}:{user.pk if user else 'nobody'}"
    due = cache.add(key, 1, PAUSE)
    # A cache that is away remembers nothing: then as many letters go out as are asked for.
    if user is not None and not due and cache.get(key) is not None:
        user = None
    try:
        with transaction.atomic():
            ask(signal, user or User(pk=signals.NOBODY))
    except LettersUnavailableError:
        cache.delete(key)
        raise
