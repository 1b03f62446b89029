"""The settings of outgoing mail, read once at the worker's start."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from landfast_runtime.env import Env, load

from mailer.conversation import Limits


@dataclass(frozen=True)
class MailSettings:
    """The SMTP server, its time limits, and the sender."""

    host: str
    port: int
    tls: str
    user: str | None
    password: str | None = field(repr=False)
    sender: str
    connect_timeout: int
    reply_timeout: int
    end_timeout: int

    @classmethod
    def from_env(cls, env: Env) -> MailSettings:
        """Read ``SMTP_*`` and ``MAIL_FROM``; with ``SMTP_USER`` set, the secret ``smtp_password`` too."""
        user = env.text("SMTP_USER", default="") or None
        return cls(
            host=env.text("SMTP_HOST", default="mail"),
            port=env.integer("SMTP_PORT", default=1025, minimum=1, maximum=65535),
            tls=env.text("SMTP_TLS", default="none", choices=("none", "starttls", "implicit")),
            user=user,
            password=env.secret("smtp_password", minimum_length=1) if user else None,
            sender=env.text("MAIL_FROM", default="Landfast <hello@localhost>"),
            connect_timeout=env.integer("SMTP_CONNECT_TIMEOUT", default=10, minimum=1, maximum=60),
            reply_timeout=env.integer("SMTP_REPLY_TIMEOUT", default=300, minimum=1, maximum=300),
            end_timeout=env.integer("SMTP_END_TIMEOUT", default=600, minimum=1, maximum=600),
        )


@cache
def mail_settings() -> MailSettings:
    """Return the settings; bad ones stop the worker with a line for each."""
    return load("worker", MailSettings.from_env)


def mailer(settings: MailSettings) -> dict[str, Any]:
    """Return the entry of Django's ``MAILERS`` for this backend.

    Args:
        settings: the mail server and its time limits.
    """
    return {
        "BACKEND": "mailer.backend.StepwiseBackend",
        "OPTIONS": {
            "host": settings.host,
            "port": settings.port,
            "use_tls": settings.tls == "starttls",
            "use_ssl": settings.tls == "implicit",
            "username": settings.user or "",
            "password": settings.password or "",
            "timeout": settings.connect_timeout,
            "limits": Limits(settings.reply_timeout, settings.end_timeout),
        },
    }
