"""Registering: the account and its welcome letter come together or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from accounts import letters, signals

if TYPE_CHECKING:
    from accounts.forms import ProfileForm, RegistrationForm
    from accounts.models import User


@transaction.atomic
def register(form: RegistrationForm, language: str) -> User:
    """Store a valid form's user and ask for the welcome letter.

    The letter is handed over before the commit: if nobody takes it, the account is rolled back and the visitor is told,
    instead of an account whose letter never comes.

    Args:
        form: a form whose ``is_valid()`` is true.
        language: the language that the visitor reads.

    Raises:
        LettersUnavailableError: the letter could not be handed over; nothing was stored.
        IntegrityError: someone else took the name or the address a moment ago.
    """
    form.instance.language = language
    user = form.save()
    letters.ask(signals.registered, user)
    return user


@transaction.atomic
def change_profile(form: ProfileForm) -> User:
    """Store a valid profile; a new address waits until its owner has verified it.

    Args:
        form: a form whose ``is_valid()`` is true.

    Raises:
        LettersUnavailableError: the letter to the new address could not be handed over; nothing was stored.
    """
    user = form.save()
    if form.new_address:
        letters.ask(signals.verification_requested, user)
    return user
