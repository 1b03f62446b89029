"""The links in mails: signed, expiring, and invalid after their use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.models import User

if TYPE_CHECKING:
    from datetime import datetime

SALT = "accounts.links.verification"

#: Seconds for which a verification link is valid: after a registration on Friday, it still is on Monday.
VERIFICATION_MAX_AGE = 3 * 24 * 3600


def verification_token(user: User) -> str:
    """Return a token that proves that its holder reads the mail to the address that ``user`` has yet to verify."""
    return signing.dumps([user.pk, _fingerprint(user)], salt=SALT)


def verification_link(user: User) -> str:
    """Return the public address of the page that verifies the user's address."""
    return _public(reverse("accounts:verify", args=[verification_token(user)]))


def password_reset_link(user: User) -> str:
    """Return the public address of the page for a new password, with Django's own token, which its use invalidates."""
    number = urlsafe_base64_encode(force_bytes(user.pk))
    return _public(reverse("accounts:password_reset_confirm", args=[number, default_token_generator.make_token(user)]))


def login_link() -> str:
    """Return the public address of the login page."""
    return _public(reverse("accounts:login"))


def holder(token: str) -> User | None:
    """Return the user whose address a token verifies; None if it is forged, expired, used or outdated."""
    return _holder(token, lock=False)


@transaction.atomic
def verify(token: str) -> User | None:
    """Record that the token's holder has verified the address; a pending address replaces the old one.

    Returns:
        The user; None if the token is invalid.

    Raises:
        IntegrityError: another user has the address by now.
    """
    user = _holder(token, lock=True)
    if user is None:
        return None
    user.email = user.pending_email or user.email
    user.pending_email = ""
    user.email_verified_at = timezone.now()
    user.save(update_fields=["email", "pending_email", "email_verified_at"])
    return user


def _holder(token: str, *, lock: bool) -> User | None:
    try:
        number, fingerprint = signing.loads(token, salt=SALT, max_age=VERIFICATION_MAX_AGE)
    except signing.BadSignature:
        return None
    users = User.objects.select_for_update() if lock else User.objects.all()
    user = users.filter(pk=number, is_active=True).first()
    if user is None or not constant_time_compare(fingerprint, _fingerprint(user)):
        return None
    return user


def _fingerprint(user: User) -> str:
    """Return a value that changes when the address is verified or another one is requested."""
    verified: datetime | None = user.email_verified_at
    state = (str(user.pk), user.email, user.pending_email, verified.isoformat() if verified else "")
    return salted_hmac(SALT, "\n".join(state), algorithm="sha256").hexdigest()[:32]


def _public(path: str) -> str:
    address: str = settings.SITE_URL
    return f"{address}{path}"
