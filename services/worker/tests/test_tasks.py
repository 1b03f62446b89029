"""What tasks do, and how they are set up to survive."""

from __future__ import annotations

import smtplib
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import redis
from kombu.exceptions import OperationalError
from landfast_outbox.celery import DurableTask
from landfast_outbox.task import PayloadError
from landfast_runtime.celery import QUEUE, TASK_TIME_LIMIT, configure_worker, create_celery
from tasks.arithmetic import add
from tasks.celery_app import BULK_QUEUE, app, settings
from tasks.mail import send_newsletter, send_newsletter_copy, send_welcome
from tasks.maintenance import heartbeat
from tasks.probe import consume
from tasks.retrying import FIRST_RETRY, LONGEST_WAIT, RETRIES, FinalError, unless_gone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from landfast_testing.outbox import Outbox


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


def test_the_caller_of_a_plain_task_hears_soon_that_the_broker_is_away() -> None:
    with pytest.raises(OperationalError):
        heartbeat.delay()


def test_tasks_are_durable_but_for_the_signs_of_life() -> None:
    app.loader.import_default_modules()
    own = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}

    assert {name for name, task in own.items() if not isinstance(task, DurableTask)} == {heartbeat.name, consume.name}


def test_a_task_is_written_whether_the_broker_is_there_or_not(outbox: Outbox) -> None:
    sent = add.delay(4, 4)

    [task] = outbox.tasks
    assert (task.id, task.name, task.queue, task.arguments) == (sent.id, add.name, QUEUE, [4, 4])


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


def test_a_mail_is_not_tried_again_where_that_would_do_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = mails(monkeypatch, iter((FinalError("it may have been taken"),)))

    assert send_welcome.apply(args=(7,), task_id="one").state == "FAILURE"

    assert sent == []


def test_a_mail_to_an_account_that_was_deleted_meanwhile_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = mails(monkeypatch, iter((LookupError("no user 7"),)))

    done = send_welcome.apply(args=(7,), task_id="one")

    assert done.state == "SUCCESS"
    assert sent == []


def test_nothing_is_left_to_do_for_what_is_gone() -> None:
    def gone() -> None:
        raise LookupError("no article 7")

    assert unless_gone(gone) is None
    assert unless_gone(lambda: 7) == 7


def test_retries_go_on_for_about_a_day() -> None:
    waits = [min(FIRST_RETRY * 2**n, LONGEST_WAIT) for n in range(RETRIES)]
    assert 23 * 3600 < sum(waits) < 27 * 3600


def test_mass_mail_stands_in_nobody_s_way() -> None:
    assert app.amqp.router.route({}, send_newsletter_copy.name)["queue"].name == BULK_QUEUE != QUEUE
    assert app.amqp.queues[BULK_QUEUE].queue_arguments == {"x-queue-type": "quorum"}
    assert send_newsletter_copy.rate_limit


def readers(monkeypatch: pytest.MonkeyPatch, *recipients: object) -> None:
    """Put a stand-in for the application in place, whose newsletter has these recipients."""
    newsletter = SimpleNamespace(recipients=lambda _: list(recipients))
    monkeypatch.setitem(sys.modules, "news", SimpleNamespace(newsletter=newsletter))


@pytest.mark.parametrize("number", [0, 2, 200])
def test_a_newsletter_is_handed_over_reader_by_reader(
    monkeypatch: pytest.MonkeyPatch, outbox: Outbox, number: int
) -> None:
    readers(monkeypatch, *range(number))

    send_newsletter.apply(args=(9,), throw=True)

    assert {(task.name, task.queue) for task in outbox.tasks} <= {(send_newsletter_copy.name, BULK_QUEUE)}
    assert [task.arguments for task in outbox.tasks] == [[9, reader] for reader in range(number)]
    assert len({task.id for task in outbox.tasks}) == number


def test_a_newsletter_is_handed_over_to_all_or_to_none(monkeypatch: pytest.MonkeyPatch, outbox: Outbox) -> None:
    readers(monkeypatch, 3, object(), 5)

    with pytest.raises(PayloadError):
        send_newsletter.run(9)

    assert outbox.tasks == []


def test_a_newsletter_that_was_deleted_meanwhile_goes_to_nobody(
    monkeypatch: pytest.MonkeyPatch, outbox: Outbox
) -> None:
    def gone(_: int) -> None:
        raise LookupError("no issue 9")

    monkeypatch.setitem(sys.modules, "news", SimpleNamespace(newsletter=SimpleNamespace(recipients=gone)))

    send_newsletter.apply(args=(9,), throw=True)

    assert outbox.tasks == []
