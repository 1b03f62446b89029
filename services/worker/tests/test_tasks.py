"""What tasks do, and how they are set up to survive."""

from __future__ import annotations

import smtplib
from typing import Any

import pytest
import redis
from kombu.exceptions import OperationalError
from landfast_runtime.celery import QUEUE, TASK_TIME_LIMIT, configure_worker, create_celery
from tasks.arithmetic import add
from tasks.celery_app import app, settings
from tasks.mail import FIRST_RETRY, LONGEST_WAIT, RETRIES, send_welcome

WELCOME = {"email": "ann@example.org", "username": "ann", "site_url": "https://example.org"}


def test_add_adds() -> None:
    assert add(4, 4) == 8


def test_every_task_goes_to_the_quorum_queue() -> None:
    app.loader.import_default_modules()
    queue = app.amqp.queues[QUEUE]
    assert queue.queue_arguments == {"x-queue-type": "quorum"}
    assert queue.exchange.type == "topic"
    assert app.amqp.router.route({}, add.name)["queue"].name == QUEUE


def test_a_task_is_given_back_when_its_worker_dies() -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.broker_transport_options["confirm_publish"]
    assert app.conf.task_time_limit == TASK_TIME_LIMIT


def test_a_result_waits_for_redis_rather_than_getting_lost() -> None:
    configured = create_celery("worker", settings.broker, settings.results)
    configure_worker(configured)
    assert configured.conf.result_backend_always_retry
    assert configured.conf.result_backend_max_retries == float("inf")
    assert configured.backend.retry_policy["max_retries"] is None
    assert configured.backend.exception_safe_to_retry(redis.ConnectionError())


def test_a_caller_hears_soon_that_the_broker_is_away() -> None:
    with pytest.raises(OperationalError):
        add.delay(4, 4)


def test_the_welcome_mail_is_sent_to_the_new_user(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr("mailer.sending.deliver", lambda message, settings: sent.append((message, settings)))
    send_welcome.apply(kwargs=WELCOME, task_id="one", throw=True)
    message, settings = sent[0]
    assert message["To"] == "ann@example.org"
    assert "https://example.org/accounts/login/" in message.get_body(("plain",)).get_content()
    assert "Welcome aboard, ann." in message.get_body(("html",)).get_content()
    assert settings.host == "mail"


def test_the_welcome_mail_cannot_be_made_to_carry_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr("mailer.sending.deliver", lambda message, _: sent.append(message))
    send_welcome.apply(kwargs=WELCOME | {"username": "<b>ann</b>"}, task_id="one", throw=True)
    assert "<b>ann" not in sent[0].get_body(("html",)).get_content()


def test_two_attempts_at_one_mail_carry_the_same_message_id(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr("mailer.sending.deliver", lambda message, _: sent.append(message["Message-ID"]))
    for task_id in ("one", "one", "two"):
        send_welcome.apply(kwargs=WELCOME, task_id=task_id, throw=True)
    assert sent[0] == sent[1] != sent[2]


@pytest.mark.parametrize("fault", [ConnectionRefusedError(), smtplib.SMTPServerDisconnected(), TimeoutError()])
def test_the_welcome_mail_is_tried_again_when_smtp_fails(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    attempts: list[int] = []

    def deliver(*_: object) -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise fault

    monkeypatch.setattr("mailer.sending.deliver", deliver)
    send_welcome.apply(kwargs=WELCOME, task_id="one")
    assert len(attempts) == 3


def test_retries_go_on_for_about_a_day() -> None:
    waits = [min(FIRST_RETRY * 2**n, LONGEST_WAIT) for n in range(RETRIES)]
    assert 23 * 3600 < sum(waits) < 27 * 3600
