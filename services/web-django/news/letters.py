"""Mails of the news app: a subject, a text and a page for each, in the reader's language."""

from __future__ import annotations

import hashlib
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.translation import override

if TYPE_CHECKING:
    from collections.abc import Mapping


def message_id(key: str) -> str:
    """Return a ``Message-ID`` that is the same for every attempt at the same mail.

    Args:
        key: what is the same: a task's id, or what the mail is about.
    """
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def site_url() -> str:
    """Return the site's public address, without a slash at its end."""
    return str(getattr(settings, "SITE_URL", "")).rstrip("/")


def send(
    template: str,
    *,
    recipient: str,
    language: str,
    key: str,
    context: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send one mail.

    Args:
        template: what ``news/mail/NAME.subject.txt``, ``NAME.txt`` and ``NAME.html`` have in common.
        recipient: one address.
        language: what it is written in.
        key: makes the ``Message-ID``.
        context: what the templates show.
        headers: further ones.

    Raises:
        OSError: the mail server does not answer; smtplib's own errors are of that kind, too.
    """
    with override(language):
        values = {"site_url": site_url(), **context}
        # A subject is one line: what somebody put into it must not begin another header.
        subject = " ".join(render_to_string(f"news/mail/{template}.subject.txt", values).split())
        message = EmailMultiAlternatives(
            subject,
            render_to_string(f"news/mail/{template}.txt", values),
            to=[recipient],
            headers={"Message-ID": message_id(key), **(headers or {})},
        )
        message.attach_alternative(render_to_string(f"news/mail/{template}.html", values), "text/html")
    message.send()
