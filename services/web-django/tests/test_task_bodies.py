"""The work of each task, and its argument, which is only a row's id."""

from __future__ import annotations

import smtplib
from typing import TYPE_CHECKING, Any

import pytest
from accounts import tasks as accounts
from landfast_outbox.task import PayloadError
from landfast_runtime.worker.retrying import FinalError
from mysite.celery import BULK_QUEUE
from news import tasks as news

if TYPE_CHECKING:
    from collections.abc import Iterator

    from celery import Task
    from landfast_testing.outbox import Outbox

type Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


def stand_in(monkeypatch: pytest.MonkeyPatch, place: str, answer: object = None) -> Calls:
    """Replace the function that does the work; return the recorded calls."""
    calls: Calls = []

    def function(*arguments: Any, **named: Any) -> object:  # noqa: ANN401 - any arguments
        calls.append((arguments, named))
        return answer

    monkeypatch.setattr(place, function)
    return calls


@pytest.mark.parametrize(
    ("task", "place"),
    [
        (accounts.send_welcome, "accounts.mail.send_welcome"),
        (accounts.send_verification, "accounts.mail.send_verification"),
        (accounts.send_password_reset, "accounts.mail.send_password_reset"),
        (news.confirm_subscription, "news.newsletter.send_confirmation"),
    ],
)
def test_a_letter_is_sent_under_the_task_s_id(
    monkeypatch: pytest.MonkeyPatch, task: Task[Any, Any], place: str
) -> None:
    calls = stand_in(monkeypatch, place)

    task.apply(args=(7,), task_id="one", throw=True)

    assert calls == [((7,), {"message_id": "one"})]


@pytest.mark.parametrize(
    ("task", "place", "arguments"),
    [
        (news.send_newsletter_copy, "news.newsletter.send_copy", (9, 3)),
        (news.make_thumbnails, "news.pictures.make_thumbnails", (7,)),
    ],
)
def test_work_on_a_row_is_handed_its_number(
    monkeypatch: pytest.MonkeyPatch, task: Task[Any, Any], place: str, arguments: tuple[Any, ...]
) -> None:
    calls = stand_in(monkeypatch, place)

    task.apply(args=arguments, throw=True)

    assert calls == [(arguments, {})]


@pytest.mark.parametrize(
    ("task", "place"),
    [
        (news.remove_expired_drafts, "news.upkeep.remove_expired"),
        (news.make_missing_thumbnails, "news.pictures.make_missing_thumbnails"),
    ],
)
def test_upkeep_tells_how_much_it_did(monkeypatch: pytest.MonkeyPatch, task: Task[Any, Any], place: str) -> None:
    calls = stand_in(monkeypatch, place, answer=3)

    assert task.apply(throw=True).get() == 3
    assert len(calls) == 1


def test_dead_sessions_are_cleared_by_django_s_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr("django.core.management.call_command", called.append)
    others = [
        stand_in(monkeypatch, f"accounts.upkeep.remove_{what}") for what in ("expired_limits", "unverified_accounts")
    ]

    accounts.remove_dead_sessions.apply(throw=True)

    assert called == ["clearsessions"]
    assert [len(calls) for calls in others] == [1, 1]


@pytest.mark.parametrize(("made", "handed"), [(9, [9]), (None, [])])
def test_a_digest_goes_out_only_if_the_week_brought_news(
    monkeypatch: pytest.MonkeyPatch, made: int | None, handed: list[int]
) -> None:
    stand_in(monkeypatch, "news.upkeep.make_digest", answer=made)
    sent: list[int] = []
    monkeypatch.setattr("news.tasks.send_newsletter.delay", sent.append)

    assert news.send_digest.apply(throw=True).get() == made
    assert sent == handed


def mails(monkeypatch: pytest.MonkeyPatch, answers: Iterator[Exception | None]) -> list[tuple[int, str]]:
    """Replace the function that sends a mail, and return the list of its calls."""
    sent: list[tuple[int, str]] = []

    def send(user_id: int, *, message_id: str) -> None:
        answer = next(answers, None)
        if answer:
            raise answer
        sent.append((user_id, message_id))

    monkeypatch.setattr("accounts.mail.send_welcome", send)
    return sent


@pytest.mark.parametrize("fault", [ConnectionRefusedError(), smtplib.SMTPServerDisconnected(), TimeoutError()])
def test_a_mail_is_tried_again_when_smtp_fails(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    sent = mails(monkeypatch, iter((fault, fault)))

    accounts.send_welcome.apply(args=(7,), task_id="one")

    assert sent == [(7, "one")]


def test_a_mail_is_not_tried_again_where_that_would_do_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = mails(monkeypatch, iter((FinalError("it may have been taken"),)))

    assert accounts.send_welcome.apply(args=(7,), task_id="one").state == "FAILURE"

    assert sent == []


def test_a_mail_to_an_account_that_was_deleted_meanwhile_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = mails(monkeypatch, iter((LookupError("no user 7"),)))

    done = accounts.send_welcome.apply(args=(7,), task_id="one")

    assert done.state == "SUCCESS"
    assert sent == []


@pytest.mark.parametrize("number", [0, 2, 200])
def test_a_newsletter_is_handed_over_reader_by_reader(
    monkeypatch: pytest.MonkeyPatch, outbox: Outbox, number: int
) -> None:
    stand_in(monkeypatch, "news.newsletter.recipients", answer=list(range(number)))

    news.send_newsletter.apply(args=(9,), throw=True)

    assert {(task.name, task.queue) for task in outbox.tasks} <= {("news.tasks.send_newsletter_copy", BULK_QUEUE)}
    assert [task.arguments for task in outbox.tasks] == [[9, reader] for reader in range(number)]
    assert len({task.id for task in outbox.tasks}) == number


def test_a_newsletter_is_handed_over_to_all_or_to_none(monkeypatch: pytest.MonkeyPatch, outbox: Outbox) -> None:
    stand_in(monkeypatch, "news.newsletter.recipients", answer=[3, object(), 5])

    with pytest.raises(PayloadError):
        news.send_newsletter.run(9)

    assert outbox.tasks == []


def test_a_newsletter_that_was_deleted_meanwhile_goes_to_nobody(
    monkeypatch: pytest.MonkeyPatch, outbox: Outbox
) -> None:
    def gone(_: int) -> None:
        raise LookupError("no issue 9")

    monkeypatch.setattr("news.newsletter.recipients", gone)

    news.send_newsletter.apply(args=(9,), throw=True)

    assert outbox.tasks == []
