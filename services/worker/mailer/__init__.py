"""Renders a mail in plain text and HTML and hands it to the SMTP server."""

from mailer.sending import send

__all__ = ["send"]
