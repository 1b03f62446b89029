"""The first operator."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction


@transaction.atomic
def ensure_operator(username: str, password: str) -> bool:
    """Make the first operator, a superuser. An existing user of that name keeps the password.

    Args:
        username: the name to log in with.
        password: the first password; the operator may change it.

    Returns:
        Whether the user is new.
    """
    if User.objects.filter(username__iexact=username).exists():
        return False
    User.objects.create_superuser(username, "", password)
    return True
