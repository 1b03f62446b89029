"""What tasks do, and how they are set up to survive."""

from __future__ import annotations

import smtplib
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import redis
from kombu.exceptions import OperationalError
from landfast_runtime.celery import QUEUE, TASK_TIME_LIMIT, configure_worker, create_celery
from tasks.arithmetic import add
from tasks.celery_app import BULK_QUEUE, app, settings
from tasks.mail import send_newsletter, send_newsletter_copy, send_welcome
from tasks.retrying import FIRST_RETRY, LONGEST_WAIT, RETRIES

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def mails(monkeypatch: pytest.MonkeyPatch, answers: Iterator[Exception | None]) -> list[tuple[int, str]]:
    """Put a stand-in for the application in place, and return the list that it fills."""
    sent: list[tuple[int, str]] = []

    def send(user_id: int, *, message_id: str) -> None:
        answer = next(answers, None)
        if answer:
            raise answer
        sent.append((user_id, message_id))

    monkeypatch.setitem(sys.modules, "accounts", SimpleNamespace(mail=SimpleNamespace(send_welcome=send)))
    return sent


def test_a_mail_is_sent_under_the_task_s_id(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = mails(monkeypatch, iter(()))

    send_welcome.apply(args=(7,), task_id="one", throw=True)

    assert sent == [(7, "one")]


@pytest.mark.parametrize("fault", [ConnectionRefusedError(), smtplib.SMTPServerDisconnected(), TimeoutError()])
def test_a_mail_is_tried_again_when_smtp_fails(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    sent = mails(monkeypatch, iter((fault, fault)))

    send_welcome.apply(args=(7,), task_id="one")

    assert sent == [(7, "one")]


def test_a_mail_waits_for_the_commit_that_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = mails(monkeypatch, iter((LookupError("no user 7"),) * 2))

    send_welcome.apply(args=(7,), task_id="one")

    assert sent == [(7, "one")]


def test_a_mail_whose_transaction_was_rolled_back_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = mails(monkeypatch, iter((LookupError("no user 7"),) * 100))

    done = send_welcome.apply(args=(7,), task_id="one")

    assert done.state == "SUCCESS"
    assert sent == []


def test_retries_go_on_for_about_a_day() -> None:
    waits = [min(FIRST_RETRY * 2**n, LONGEST_WAIT) for n in range(RETRIES)]
    assert 23 * 3600 < sum(waits) < 27 * 3600


def test_mass_mail_stands_in_nobody_s_way() -> None:
    assert app.amqp.router.route({}, send_newsletter_copy.name)["queue"].name == BULK_QUEUE != QUEUE
    assert app.amqp.queues[BULK_QUEUE].queue_arguments == {"x-queue-type": "quorum"}
    assert send_newsletter_copy.rate_limit


def test_a_newsletter_is_handed_over_reader_by_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[tuple[int, int]] = []
    newsletter = SimpleNamespace(recipients=lambda _: [3, 5])
    monkeypatch.setitem(sys.modules, "news", SimpleNamespace(newsletter=newsletter))
    monkeypatch.setattr(send_newsletter_copy, "delay", lambda *ids: handed.append(ids))

    send_newsletter.apply(args=(9,), throw=True)

    assert handed == [(9, 3), (9, 5)]
