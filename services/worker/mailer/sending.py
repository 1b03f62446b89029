"""Building and sending one mail."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from mailer.config import MailSettings, mail_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds that any one step of the conversation with the SMTP server may take.
SMTP_TIMEOUT = 20

_templates = Environment(
    loader=PackageLoader("mailer"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def build(
    template: str, *, subject: str, recipient: str, values: Mapping[str, str], message_key: str, sender: str
) -> EmailMessage:
    """Return the mail, with a plain text and an HTML part.

    Args:
        template: the name that ``templates/NAME.txt`` and ``templates/NAME.html`` share.
        subject: the subject line.
        recipient: one address.
        values: what the templates show.
        message_key: the same for every attempt at the same mail; makes the ``Message-ID``, so that a receiver can tell
            a mail that was sent twice.
        sender: the ``From`` header.
    """
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = sender
    message["To"] = recipient
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = f"<{hashlib.sha256(message_key.encode()).hexdigest()[:32]}@{domain}>"
    message.set_content(_templates.get_template(f"{template}.txt").render(values))
    message.add_alternative(_templates.get_template(f"{template}.html").render(values), subtype="html")
    return message


def deliver(message: EmailMessage, settings: MailSettings) -> None:
    """Hand a mail to the SMTP server.

    Raises:
        OSError: the server cannot be reached.
        smtplib.SMTPException: the server refuses.
    """
    if settings.tls == "implicit":
        context = ssl.create_default_context()
        server: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, settings.port, timeout=SMTP_TIMEOUT, context=context)
    else:
        server = smtplib.SMTP(settings.host, settings.port, timeout=SMTP_TIMEOUT)
    with server:
        if settings.tls == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.user and settings.password:
            server.login(settings.user, settings.password)
        server.send_message(message)


def send(template: str, *, subject: str, recipient: str, values: Mapping[str, str], message_key: str) -> None:
    """Build a mail and deliver it; see :func:`build` and :func:`deliver`."""
    settings = mail_settings()
    message = build(
        template, subject=subject, recipient=recipient, values=values, message_key=message_key, sender=settings.sender
    )
    deliver(message, settings)
