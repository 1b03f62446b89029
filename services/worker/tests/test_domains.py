"""Each task asks the application that it belongs to, and nobody else, to do the work."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tasks import mail, maintenance, pictures, probe, reports

if TYPE_CHECKING:
    from pathlib import Path

    from celery import Task

type Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


def stand_in(monkeypatch: pytest.MonkeyPatch, place: str, answer: object = None) -> Calls:
    """Put a function in the place of an application's ("package.module.function"); return the calls that it gets."""
    calls: Calls = []

    def function(*arguments: Any, **named: Any) -> object:  # noqa: ANN401 - it takes what comes
        calls.append((arguments, named))
        return answer

    package, module, name = place.rsplit(".", 2)
    monkeypatch.setitem(sys.modules, package, SimpleNamespace(**{module: SimpleNamespace(**{name: function})}))
    return calls


@pytest.mark.parametrize(
    ("task", "place"),
    [
        (mail.send_welcome, "accounts.mail.send_welcome"),
        (mail.send_verification, "accounts.mail.send_verification"),
        (mail.send_password_reset, "accounts.mail.send_password_reset"),
        (mail.confirm_subscription, "news.newsletter.send_confirmation"),
    ],
)
def test_a_letter_is_its_application_s_business(
    monkeypatch: pytest.MonkeyPatch, task: Task[Any, Any], place: str
) -> None:
    calls = stand_in(monkeypatch, place)

    task.apply(args=(7,), task_id="one", throw=True)

    assert calls == [((7,), {"message_id": "one"})]


@pytest.mark.parametrize(
    ("task", "place", "arguments"),
    [
        (mail.send_newsletter_copy, "news.newsletter.send_copy", (9, 3)),
        (pictures.make_thumbnails, "news.pictures.make_thumbnails", (7,)),
        (reports.run_report, "api.reports.running.run_report", ("0b8f",)),
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
        (maintenance.remove_expired_drafts, "news.upkeep.remove_expired_drafts"),
        (maintenance.make_missing_thumbnails, "news.pictures.make_missing_thumbnails"),
        (maintenance.remove_expired_uploads, "api.datasets.upkeep.remove_expired_uploads"),
        (maintenance.remove_old_tasks, "api.tasks.upkeep.remove_old_tasks"),
    ],
)
def test_upkeep_tells_how_much_it_did(monkeypatch: pytest.MonkeyPatch, task: Task[Any, Any], place: str) -> None:
    calls = stand_in(monkeypatch, place, answer=3)

    assert task.apply(throw=True).get() == 3
    assert len(calls) == 1


def test_dead_sessions_are_cleared_by_django_s_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr("django.core.management.call_command", called.append)

    maintenance.remove_dead_sessions.apply(throw=True)

    assert called == ["clearsessions"]


@pytest.mark.parametrize(("made", "handed"), [(9, [9]), (None, [])])
def test_a_digest_goes_out_only_if_the_week_brought_news(
    monkeypatch: pytest.MonkeyPatch, made: int | None, handed: list[int]
) -> None:
    stand_in(monkeypatch, "news.upkeep.make_digest", answer=made)
    sent: list[int] = []
    monkeypatch.setattr(mail.send_newsletter, "delay", sent.append)

    assert maintenance.send_digest.apply(throw=True).get() == made
    assert sent == handed


def test_the_heartbeat_tells_the_time() -> None:
    told = datetime.fromisoformat(maintenance.heartbeat())

    assert abs((datetime.now(UTC) - told).total_seconds()) < 60


def test_a_probe_leaves_its_mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(probe, "MARK", tmp_path / "consumed")

    probe.consume()

    assert probe.MARK.exists()
