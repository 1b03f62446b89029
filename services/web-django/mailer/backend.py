"""Django's way of sending mail, by conversations whose every step has its time."""

from __future__ import annotations

import smtplib
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.mail.backends.smtp import EmailBackend

from mailer.conversation import Conversation, Limits, RefusedError, TLSConversation, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core.mail import EmailMessage


class StepwiseBackend(EmailBackend):
    """Django's SMTP backend; its ``timeout`` is for connecting alone.

    Args:
        limits: how long the server may take for the steps after that.
        **options: as Django's own.
    """

    def __init__(self, *, limits: Limits, **options: Any) -> None:  # noqa: ANN401 - Django's own
        super().__init__(**options)
        self._limits = limits

    @property
    def connection_class(self) -> Callable[..., Conversation]:  # type: ignore[override]  # Django calls it
        """What makes a connection."""
        return partial(TLSConversation if self.use_ssl else Conversation, limits=self._limits)

    def open(self) -> bool | None:
        """Open a connection, and leave none half open."""
        try:
            return super().open()
        except BaseException:
            self.close()
            raise

    def _close_connection(self, connection: Conversation) -> None:
        """Say goodbye if that is quick: by now it is known what became of the letter, whatever the server says."""
        with suppress(OSError):
            connection.quit()
        connection.close()

    def _send(self, email_message: EmailMessage) -> bool:
        """Send one letter.

        Raises:
            RefusedError: it was refused for good, or has an address that no server knows.
            OSError: another attempt may fare better.
        """
        try:
            sent: bool = super()._send(email_message)  # type: ignore[misc]  # Django's types lack it
        except smtplib.SMTPException as error:
            if answer := refusal(error):
                raise RefusedError(f"the mail server refused the letter for good: {answer}") from None
            raise
        except ValueError as error:
            raise RefusedError(f"the letter cannot be sent: {error}") from error
        return sent
