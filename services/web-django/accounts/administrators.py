"""The first administrator."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User


@transaction.atomic
def ensure_administrator(username: str, email: str, password: str) -> bool:
    """Make the administrator unless there is one of that name; an existing one keeps password and address.

    Args:
        username: the name to log in with.
        email: the address.
        password: the first password, to be changed at will.

    Returns:
        Whether a user was made.

    Raises:
        ValueError: the name or the address belongs to somebody who is no administrator. Nobody is ever promoted.
    """
    existing = User.objects.filter(username__iexact=username).first()
    if existing is not None:
        if not existing.is_superuser:
            raise ValueError(f"ADMIN_USER: {username!r} is somebody's ordinary account; choose another name")
        return False
    if User.objects.filter(email__iexact=email).exists():
        raise ValueError(f"ADMIN_EMAIL: {email!r} belongs to another account; choose another address")
    User.objects.create_superuser(username, email, password)
    return True
