"""The first administrator."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User


@transaction.atomic
def ensure_administrator(username: str, email: str, password: str) -> bool:
    """Create the administrator unless one of that name exists; an existing one keeps password and address.

    Args:
        username: the login name.
        email: the address.
        password: the initial password.

    Returns:
        Whether a user was created.

    Raises:
        ValueError: the name or the address belongs to a user who is no administrator. No user is ever promoted.
    """
    existing = User.objects.filter(username__iexact=username).first()
    if existing is not None:
        if not existing.is_superuser:
            raise ValueError(f"ADMIN_USER: {username!r} is an ordinary user; choose another name")
        return False
    if User.objects.filter(email__iexact=email).exists():
        raise ValueError(f"ADMIN_EMAIL: {email!r} belongs to another account; choose another address")
    User.objects.create_superuser(username, email, password)
    return True
