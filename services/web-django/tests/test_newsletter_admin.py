"""Newsletters in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from news.models import NewsletterIssue, Subscriber
from news.roles import EDITOR
from news.signals import newsletter_requested

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accounts.models import User
    from django.test import Client

LIST = "/admin/news/newsletterissue/"


@pytest.fixture
def editor(client: Client, make_staff: Callable[[str], User]) -> Client:
    client.force_login(make_staff(EDITOR))
    return client


@pytest.fixture
def issue(db: None) -> NewsletterIssue:  # noqa: ARG001 - opens the database
    return NewsletterIssue.objects.create(subject="Spring tides", body="They are high.")


@pytest.fixture
def requested(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Return the issues that were sent; no other receiver gets them."""
    heard: list[int] = []

    def hear(issue: NewsletterIssue, **_: object) -> None:
        heard.append(issue.pk)

    monkeypatch.setattr(newsletter_requested, "receivers", [])
    monkeypatch.setattr(newsletter_requested, "sender_receivers_cache", {})
    newsletter_requested.connect(hear)
    yield heard
    newsletter_requested.disconnect(hear)


def subscribe(name: str, *, confirmed: bool = True, left: bool = False) -> None:
    now = timezone.now()
    Subscriber.objects.create(
        email=f"{name}@example.org",
        confirmed_at=now if confirmed else None,
        unsubscribed_at=now if left else None,
    )


def test_it_says_to_how_many_readers_an_issue_would_go(editor: Client, issue: NewsletterIssue) -> None:
    subscribe("ada")
    subscribe("bea")
    subscribe("unsure", confirmed=False)
    subscribe("gone", left=True)
    page = editor.get(f"{LIST}{issue.pk}/send/").content.decode()
    assert "“Spring tides” goes to 2 readers." in page


def test_it_sends_an_issue_once(editor: Client, issue: NewsletterIssue, requested: list[int]) -> None:
    assert f'href="{LIST}{issue.pk}/send/"' in editor.get(f"{LIST}{issue.pk}/change/").content.decode()
    editor.get(f"{LIST}{issue.pk}/send/")
    assert requested == [], "looking is not sending"
    first = editor.post(f"{LIST}{issue.pk}/send/", follow=True).content.decode()
    second = editor.post(f"{LIST}{issue.pk}/send/", follow=True).content.decode()
    assert "“Spring tides” is on its way." in first
    assert "“Spring tides” was sent before." in second
    assert requested == [issue.pk]
    assert "was sent on" in editor.get(f"{LIST}{issue.pk}/send/").content.decode()
    assert "sent" in editor.get(f"{LIST}{issue.pk}/history/").content.decode()


def test_it_sends_nothing_when_nobody_takes_the_issue(
    editor: Client,
    issue: NewsletterIssue,
    requested: list[int],
) -> None:
    def fail(**_: object) -> None:
        raise ConnectionError("nobody takes it")

    newsletter_requested.connect(fail)
    page = editor.post(f"{LIST}{issue.pk}/send/", follow=True).content.decode()
    assert "nothing was sent" in page
    newsletter_requested.disconnect(fail)
    issue.refresh_from_db()
    assert issue.sent_at is None
    editor.post(f"{LIST}{issue.pk}/send/")
    assert requested[-1] == issue.pk


def test_it_leads_from_the_list_to_the_question(editor: Client, issue: NewsletterIssue) -> None:
    other = NewsletterIssue.objects.create(subject="Neap tides", body="They are low.")
    one = {"action": "send", "_selected_action": [str(issue.pk)]}
    assert editor.post(LIST, one)["Location"] == f"{LIST}{issue.pk}/send/"
    both = {"action": "send", "_selected_action": [str(issue.pk), str(other.pk)]}
    assert "Choose one newsletter at a time." in editor.post(LIST, both, follow=True).content.decode()


def test_it_leaves_what_was_sent_as_it_is(editor: Client, issue: NewsletterIssue, requested: list[int]) -> None:
    editor.post(f"{LIST}{issue.pk}/send/")
    assert requested
    assert editor.get(f"{LIST}{issue.pk}/change/").status_code == 200
    assert editor.post(f"{LIST}{issue.pk}/change/", {"subject": "x", "body": "x"}).status_code == 403
    assert editor.post(f"{LIST}{issue.pk}/delete/", {"post": "yes"}).status_code == 403
    issue.refresh_from_db()
    assert issue.subject == "Spring tides"


def test_it_keeps_a_sent_issue_from_being_deleted_in_a_batch(
    editor: Client, issue: NewsletterIssue, requested: list[int]
) -> None:
    editor.post(f"{LIST}{issue.pk}/send/")
    assert requested
    editor.post(LIST, {"action": "delete_selected", "_selected_action": [str(issue.pk)], "post": "yes"})
    assert NewsletterIssue.objects.filter(pk=issue.pk).exists()


def test_it_lets_only_those_send_who_may(
    client: Client, make_user: Callable[..., User], issue: NewsletterIssue, requested: list[int]
) -> None:
    writer = make_user("writer", is_staff=True)
    writer.user_permissions.set(
        Permission.objects.filter(codename__endswith="_newsletterissue").exclude(codename="send_newsletterissue")
    )
    client.force_login(writer)
    assert "/send/" not in client.get(f"{LIST}{issue.pk}/change/").content.decode()
    for response in (client.get(f"{LIST}{issue.pk}/send/"), client.post(f"{LIST}{issue.pk}/send/")):
        assert response.status_code == 403
    assert requested == []


def test_it_finds_no_issue_that_is_not_there(editor: Client) -> None:
    assert editor.get(f"{LIST}4711/send/").status_code == 404


def test_it_shows_subscribers_to_administrators_who_add_none(client: Client, make_user: Callable[..., User]) -> None:
    client.force_login(make_user("admin", is_staff=True, is_superuser=True))
    subscribe("ada")
    page = client.get("/admin/news/subscriber/", {"q": "ada"}).content.decode()
    assert "ada@example.org" in page
    assert client.get("/admin/news/subscriber/add/").status_code == 403
