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
        key: the id of the mail: a task's id, or the subject matter.
    """
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def site_url() -> str:
    """Return the site's public address, without a trailing slash."""
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
        template: the common NAME of ``news/mail/NAME.subject.txt``, ``NAME.txt`` and ``NAME.html``.
        recipient: one address.
        language: the mail's language.
        key: the mail's id, for the ``Message-ID``.
        context: the templates' context.
        headers: further headers.

    Raises:
        OSError: the mail server does not answer; smtplib's own errors are subclasses.
    """
    with override(language):
        values = {"site_url": site_url(), **context}
        # A subject is one line: a line break in it must not begin another header.
        subject = " ".join(render_to_string(f"news/mail/{template}.subject.txt", values).split())
        message = EmailMultiAlternatives(
            subject,
            render_to_string(f"news/mail/{template}.txt", values),
            to=[recipient],
            headers={"Message-ID": message_id(key), **(headers or {})},
        )
        message.attach_alternative(render_to_string(f"news/mail/{template}.html", values), "text/html")
    message.send()
