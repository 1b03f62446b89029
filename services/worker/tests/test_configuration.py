"""A bad value stops a worker at once, with a line that names it."""

from __future__ import annotations

import pytest
from landfast_runtime.env import ConfigError, Env
from mailer.config import MailSettings
from worker import settings as worker_settings
from worker.config import WorkerSettings


@pytest.mark.parametrize(
    ("settings", "variables", "message"),
    [
        (WorkerSettings, {"WORKER_CONCURRENCY": "many"}, "WORKER_CONCURRENCY: is 'many', must be a whole number"),
        (WorkerSettings, {"WORKER_CONCURRENCY": "0"}, "WORKER_CONCURRENCY: is 0, must be at least 1"),
        (WorkerSettings, {"WORKER_GROWTH_MB": "-1"}, "WORKER_GROWTH_MB: is -1, must be at least 0"),
        (WorkerSettings, {"LOG_LEVEL": "loud"}, "LOG_LEVEL: is 'loud', must be one of"),
        (MailSettings, {"SMTP_TLS": "yes"}, "SMTP_TLS: is 'yes', must be one of implicit, none, starttls"),
        (MailSettings, {"SMTP_PORT": "70000"}, "SMTP_PORT: is 70000, must be at most 65535"),
        (MailSettings, {"SMTP_END_TIMEOUT": "900"}, "SMTP_END_TIMEOUT: is 900, must be at most 600"),
        (MailSettings, {"SMTP_REPLY_TIMEOUT": "0"}, "SMTP_REPLY_TIMEOUT: is 0, must be at least 1"),
        (WorkerSettings, {"WORKER_LANE": "mial"}, "WORKER_LANE: is 'mial', must be one of mail, tasks"),
        (
            MailSettings,
            {"SMTP_USER": "u", "SECRETS_DIR": "/nowhere"},
            "smtp_password: secret file /nowhere/smtp_password",
        ),
    ],
)
def test_it_names_the_variable_and_the_problem(
    settings: type[WorkerSettings | MailSettings], variables: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        settings.from_env(Env(variables))
    assert message in str(raised.value)


def test_it_notices_within_two_minutes_that_the_database_fell_silent() -> None:
    options = worker_settings.DATABASES["default"]["OPTIONS"]

    assert options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"] <= 120
    assert options["tcp_user_timeout"] <= 120_000
