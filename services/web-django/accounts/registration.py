"""Registering: the account and its welcome mail come together or not at all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.models import User
from accounts.signals import registered

if TYPE_CHECKING:
    from accounts.forms import RegistrationForm

logger = logging.getLogger(__name__)


class NotRegisteredError(Exception):
    """The welcome mail could not be handed over, so no account was made."""


def register(form: RegistrationForm) -> User:
    """Store a valid form's user and hand the welcome mail to the workers.

    The task is published before the commit: if the broker does not take it, the account is rolled back and the visitor
    is told, instead of an account whose mail never comes.

    Args:
        form: a form whose ``is_valid()`` is true.

    Raises:
        NotRegisteredError: the broker did not take the task; nothing was stored.
        IntegrityError: someone else took the name or the address a moment ago.
    """
    try:
        with transaction.atomic():
            user = form.save()
            registered.send(sender=User, user=user)
    except ConnectionError as error:
        logger.warning("nobody was registered, the welcome mail could not be queued: %s", error)
        raise NotRegisteredError from error
    return user
