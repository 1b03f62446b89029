"""A wrong SMTP password is reported, and not only retried for a day."""

from __future__ import annotations

import smtplib
from typing import TYPE_CHECKING

import pytest
from celery.exceptions import Retry
from celery.signals import task_retry
from mailer import refused_logins

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def _reported() -> Iterator[None]:
    """Connect the report to the signal of retries, like a worker."""
    task_retry.connect(refused_logins.report)
    yield
    task_retry.disconnect(refused_logins.report)


@pytest.mark.usefixtures("_reported")
def test_it_is_an_error_that_names_the_settings(caplog: pytest.LogCaptureFixture) -> None:
    wrong = smtplib.SMTPAuthenticationError(535, b"5.7.8 Username and password not accepted")

    task_retry.send(sender=None, request=None, reason=Retry(exc=wrong), einfo=None)

    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert "check SMTP_USER and the secret smtp_password" in record.getMessage()
    assert vars(record)["problem"] == "535 5.7.8 Username and password not accepted"


@pytest.mark.usefixtures("_reported")
@pytest.mark.parametrize("error", [TimeoutError(), smtplib.SMTPServerDisconnected("gone"), None])
def test_other_reasons_to_try_again_are_no_error(caplog: pytest.LogCaptureFixture, error: Exception | None) -> None:
    task_retry.send(sender=None, request=None, reason=Retry(exc=error), einfo=None)

    assert not caplog.records
