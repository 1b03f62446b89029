"""A mail server that refuses the login is an error in the log: its letters are retried for a day, and nobody knows."""

from __future__ import annotations

import logging
import smtplib
from typing import Any

logger = logging.getLogger(__name__)


def report(reason: Any, **_: Any) -> None:  # noqa: ANN401 - Celery's signals pass what they like
    """Log that a task is tried again because its mail server does not know the user or the password.

    Args:
        reason: Celery's Retry, with the error that it was made of.
    """
    error = getattr(reason, "exc", None)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        logger.error(
            "the mail server refuses the login: letters wait; check SMTP_USER and the secret smtp_password",
            extra={"problem": f"{error.smtp_code} {_text(error.smtp_error)}"},
        )


def _text(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
