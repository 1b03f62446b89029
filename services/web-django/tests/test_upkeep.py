"""What strangers leave behind is deleted, and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from accounts import upkeep
from accounts.models import User
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import Group
from django.utils import timezone
from mysite.rest.models import MOST, Token
from news import upkeep as news
from news.models import Comment, Subscriber
from news.newsletter import CONFIRM_WITHIN, subscribe
from quotas.models import Allowance

if TYPE_CHECKING:
    from collections.abc import Callable

    from news.models import Article

pytestmark = pytest.mark.django_db


def ago(period: timedelta) -> datetime:
    return timezone.now() - period - timedelta(minutes=1)


@pytest.fixture
def make_old(make_user: Callable[..., User]) -> Callable[..., User]:
    """Return a function that stores a user who registered long ago and was never verified."""

    def make(name: str, **fields: Any) -> User:  # noqa: ANN401
        return make_user(name, **({"date_joined": ago(upkeep.UNVERIFIED_KEPT)} | fields))

    return make


def test_accounts_that_nobody_verified_or_used_are_deleted(
    make_old: Callable[..., User], make_article: Callable[..., Article]
) -> None:
    make_old("gone")
    make_old("gone-too", last_login=ago(upkeep.UNVERIFIED_KEPT))
    make_old("new", date_joined=timezone.now())
    make_old("active", last_login=timezone.now())
    make_old("verified", email_verified_at=timezone.now())
    make_old("staff", is_staff=True)
    make_old("root", is_superuser=True)
    make_old("grouped").groups.add(Group.objects.create(name="crew"))
    make_article(author=make_old("author"))
    Comment.objects.create(article=make_article("Two"), author=make_old("reader"), name="reader", text="Ahoy")
    Token.objects.issue(make_old("program"))

    assert upkeep.remove_unverified_accounts() == 2
    kept = {"new", "active", "verified", "staff", "root", "grouped", "author", "reader", "program"}
    assert {user.username for user in User.objects.all()} == kept


def test_a_run_ends_and_the_next_goes_on(make_old: Callable[..., User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "AT_ONCE", 2)
    for number in range(3):
        make_old(f"gone-{number}")
    assert [upkeep.remove_unverified_accounts() for _ in range(3)] == [2, 1, 0]


def test_wrong_passwords_and_limits_are_deleted_once_they_count_no_more() -> None:
    fields = {"failures_since_start": 1, "ip_address": "192.0.2.1"}
    old = AccessAttempt.objects.create(username="old", **fields)
    AccessAttempt.objects.create(username="new", **fields)
    AccessAttempt.objects.filter(pk=old.pk).update(attempt_time=ago(settings.AXES_COOLOFF_TIME))
    Allowance.objects.create(key="old", full_at=ago(timedelta()))
    Allowance.objects.create(key="new", full_at=timezone.now() + timedelta(minutes=1))

    assert upkeep.remove_expired_limits() == 2
    assert [attempt.username for attempt in AccessAttempt.objects.all()] == ["new"]
    assert [allowance.key for allowance in Allowance.objects.all()] == ["new"]


def test_addresses_that_nobody_confirmed_are_deleted_once_their_link_has_expired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("news.tasks.confirm_subscription.delay", lambda _id: None)
    old = {"created_at": ago(CONFIRM_WITHIN)}
    for email in ("gone@example.org", "reader@example.org", "asks-again@example.org"):
        Subscriber.objects.create(email=email)
    Subscriber.objects.update(**old)
    Subscriber.objects.filter(email="reader@example.org").update(confirmed_at=timezone.now())
    subscribe("asks-again@example.org")

    assert news.remove_unconfirmed_subscribers() == 1
    assert {one.email for one in Subscriber.objects.all()} == {"reader@example.org", "asks-again@example.org"}


def test_comments_that_no_reader_sees_are_deleted_after_a_time(make_article: Callable[..., Article]) -> None:
    article = make_article()
    kept = {"pending": news.PENDING_KEPT, "rejected": news.REJECTED_KEPT, "approved": timedelta(days=3650)}
    for status, period in kept.items():
        for text, created in (("old", ago(period)), ("new", timezone.now())):
            comment = Comment.objects.create(article=article, name="Eve", text=f"{status} {text}", status=status)
            Comment.objects.filter(pk=comment.pk).update(created_at=created)

    assert news.remove_old_comments() == 2
    texts = {comment.text for comment in Comment.objects.all()}
    assert texts == {"pending new", "rejected new", "approved old", "approved new"}


def test_the_tasks_of_the_timetable_do_it(make_old: Callable[..., User]) -> None:
    from accounts import tasks  # noqa: PLC0415 - loads the workers' application
    from news import tasks as of_news  # noqa: PLC0415

    make_old("gone")
    Subscriber.objects.create(email="gone@example.org")
    Subscriber.objects.update(created_at=ago(CONFIRM_WITHIN))
    tasks.remove_dead_sessions.apply(throw=True)
    assert of_news.remove_expired_drafts.apply(throw=True).get() == 1
    assert not User.objects.exists()


def test_a_user_s_oldest_tokens_make_room_for_new_ones(make_user: Callable[..., User]) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    Token.objects.issue(bob)
    texts = [Token.objects.issue(ada, f"token {number}") for number in range(MOST + 2)]
    assert Token.objects.filter(user=ada).count() == MOST
    assert Token.objects.filter(user=bob).count() == 1
    assert Token.objects.find(texts[-1])
    with pytest.raises(Token.DoesNotExist):
        Token.objects.find(texts[0])
