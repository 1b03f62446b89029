"""Django's mail backend, by conversations with a time limit for each step."""

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
    """Django's SMTP backend; its ``timeout`` is only for the connection.

    Args:
        limits: time limits of the steps after that.
        **options: Django's own options.
    """

    def __init__(self, *, limits: Limits, **options: Any) -> None:  # noqa: ANN401 - Django's own
        super().__init__(**options)
        self._limits = limits

    @property
    def connection_class(self) -> Callable[..., Conversation]:  # type: ignore[override]  # Django calls it
        """The class of connections."""
        return partial(TLSConversation if self.use_ssl else Conversation, limits=self._limits)

    def open(self) -> bool | None:
        """Open a connection; a failed attempt leaves none open."""
        try:
            return super().open()
        except BaseException:
            self.close()
            raise

    def _close_connection(self, connection: Conversation) -> None:
        """Send QUIT if that is quick: the outcome for the mail is known by now, whatever the reply."""
        with suppress(OSError):
            connection.quit()
        connection.close()

    def _send(self, email_message: EmailMessage) -> bool:
        """Send one mail.

        Raises:
            RefusedError: the server refused the mail permanently, or an address is invalid.
            OSError: a retry may succeed.
        """
        try:
            sent: bool = super()._send(email_message)  # type: ignore[misc]  # Django's types lack it
        except smtplib.SMTPException as error:
            if answer := refusal(error):
                raise RefusedError(f"the mail server refused the mail permanently: {answer}") from None
            raise
        except ValueError as error:
            raise RefusedError(f"the mail cannot be sent: {error}") from error
        return sent
