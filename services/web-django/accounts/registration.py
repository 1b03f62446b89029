"""Registration: the account and its welcome mail commit together or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from accounts import letters, signals

if TYPE_CHECKING:
    from accounts.forms import ProfileForm, RegistrationForm
    from accounts.models import User


@transaction.atomic
def register(form: RegistrationForm, language: str) -> User:
    """Store a valid form's user and request the welcome mail.

    The mail is requested before the commit: if that fails, the account is rolled back and the visitor is informed;
    otherwise the account would stay without its mail.

    Args:
        form: a form whose ``is_valid()`` is true.
        language: the visitor's language.

    Raises:
        LettersUnavailableError: the mail could not be requested; nothing was stored.
        IntegrityError: another user took the name or the address a moment ago.
    """
    form.instance.language = language
    user = form.save()
    letters.request(signals.registered, user)
    return user


@transaction.atomic
def change_profile(form: ProfileForm) -> User:
    """Store a valid profile; a new address is pending until its owner has verified it.

    Args:
        form: a form whose ``is_valid()`` is true.

    Raises:
        LettersUnavailableError: the mail to the new address could not be requested; nothing was stored.
    """
    user = form.save()
    if form.new_address:
        letters.request(signals.verification_requested, user)
    return user
