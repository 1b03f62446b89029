"""Where mail goes out: read once, when the worker starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from landfast_runtime.env import Env, load


@dataclass(frozen=True)
class MailSettings:
    """The SMTP server and the sender."""

    host: str
    port: int
    tls: str
    user: str | None
    password: str | None = field(repr=False)
    sender: str

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
        )


@cache
def mail_settings() -> MailSettings:
    """Return the settings; a bad one stops the worker with a line that names it."""
    return load("worker", MailSettings.from_env)
