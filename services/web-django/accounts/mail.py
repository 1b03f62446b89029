"""The mails of accounts. A worker calls these; no page ever waits for a mail server.

A mail may be requested a moment before its account is committed: then the account does not exist *yet*, and the caller
retries.
"""

from __future__ import annotations

from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from accounts import links, names
from accounts.models import User
from accounts.signals import NOBODY


class NoSuchUserError(LookupError):
    """No user has that id, or not yet."""


def send_welcome(user_id: int, *, message_id: str) -> None:
    """Send the welcome mail after registration; its link verifies the address.

    Args:
        user_id: the recipient's id.
        message_id: the same for every attempt at the same mail.

    Raises:
        NoSuchUserError: the account does not exist, or not yet.
        OSError: the mail server cannot be reached or refuses.
    """
    user = _recipient(user_id)
    if user is None:
        return
    with translation.override(_language(user)):
        link = "" if user.is_verified else links.verification_link(user)
        _send(user, user.email, "welcome", _("Welcome aboard"), message_id, link=link)


def send_verification(user_id: int, *, message_id: str) -> None:
    """Send a verification mail to an unverified address; nothing happens if it is verified by now.

    Args:
        user_id: the user's id, or :data:`accounts.signals.NOBODY`.
        message_id: the same for every attempt at the same mail.

    Raises:
        NoSuchUserError: the account does not exist, or not yet.
        OSError: the mail server cannot be reached or refuses.
    """
    user = _recipient(user_id)
    if user is None or (user.is_verified and not user.pending_email):
        return
    with translation.override(_language(user)):
        subject = _("Confirm your address")
        _send(user, user.letters_go_to, "verification", subject, message_id, link=links.verification_link(user))


def send_password_reset(user_id: int, *, message_id: str) -> None:
    """Send a link to the page for a new password.

    Args:
        user_id: the user's id, or :data:`accounts.signals.NOBODY`.
        message_id: the same for every attempt at the same mail.

    Raises:
        NoSuchUserError: the account does not exist.
        OSError: the mail server cannot be reached or refuses.
    """
    user = _recipient(user_id)
    if user is None:
        return
    with translation.override(_language(user)):
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        subject = _("Choose a new password")
        link = links.password_reset_link(user)
        _send(user, user.email, "password_reset", subject, message_id, link=link, hours=hours)


def _recipient(user_id: int) -> User | None:
    """Return the recipient; None for :data:`accounts.signals.NOBODY`."""
    if user_id == NOBODY:
        return None
    try:
        user: User = User.objects.get(pk=user_id)
    except User.DoesNotExist:
        raise NoSuchUserError(f"there is no account {user_id}") from None
    return user if user.is_active else None


def _language(user: User) -> str:
    return user.language or settings.LANGUAGE_CODE


def _send(user: User, recipient: str, kind: str, subject: str, message_id: str, **values: Any) -> None:  # noqa: ANN401 - the template's context
    context = {
        "name": names.in_letters(user),
        "subject": subject,
        "site_url": settings.SITE_URL,
        "site_name": urlsplit(settings.SITE_URL).netloc,
        "login_link": links.login_link(),
        "days": links.VERIFICATION_MAX_AGE // 86400,
        **values,
    }
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    letter = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"accounts/mail/{kind}.txt", context),
        to=[recipient],
        headers={"Message-ID": message_id if message_id.startswith("<") else f"<{message_id}@{domain}>"},
    )
    letter.attach_alternative(render_to_string(f"accounts/mail/{kind}.html", context), "text/html")
    letter.send()
