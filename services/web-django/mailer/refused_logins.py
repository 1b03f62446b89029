"""Logs an error when a mail server refuses the login: otherwise its mails are retried for a day without notice."""

from __future__ import annotations

import logging
import smtplib
from typing import Any

logger = logging.getLogger(__name__)


def report(reason: Any, **_: Any) -> None:  # noqa: ANN401 - arguments of a signal
    """Log that a task is retried because its mail server refuses the user or the password.

    Args:
        reason: Celery's Retry, with its original error.
    """
    error = getattr(reason, "exc", None)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        logger.error(
            "the mail server refuses the login: mails wait; check SMTP_USER and the secret smtp_password",
            extra={"problem": f"{error.smtp_code} {_text(error.smtp_error)}"},
        )


def _text(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
