"""The moderators' queue of comments."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone
from news.models import Article, Comment
from news.roles import MODERATOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    MakeArticle = Callable[..., Article]

QUEUE = "/admin/news/comment/"
PENDING, APPROVED, REJECTED = Comment.Status.PENDING, Comment.Status.APPROVED, Comment.Status.REJECTED


@pytest.fixture
def moderator(client: Client, make_staff: Callable[[str], User]) -> Client:
    client.force_login(make_staff(MODERATOR))
    return client


def comment(article: Article, text: str, status: str = PENDING, hours_ago: int = 0) -> Comment:
    made = Comment.objects.create(article=article, name="Bea", text=text, status=status)
    Comment.objects.filter(pk=made.pk).update(created_at=timezone.now() - timedelta(hours=hours_ago))
    return made


def shown(moderator: Client, **parameters: str) -> list[str]:
    return [one.text for one in moderator.get(QUEUE, parameters).context["cl"].result_list]


def decide(moderator: Client, action: str, *comments: Comment) -> str:
    selected = [str(one.pk) for one in comments]
    return moderator.post(QUEUE, {"action": action, "_selected_action": selected}, follow=True).content.decode()


def test_it_is_a_queue_of_what_waits_the_oldest_first(moderator: Client, make_article: MakeArticle) -> None:
    article = make_article()
    comment(article, "young")
    comment(article, "old", hours_ago=5)
    comment(article, "seen", APPROVED)
    comment(article, "spam", REJECTED)
    assert shown(moderator) == ["old", "young"]
    assert shown(moderator, status="approved") == ["seen"]
    assert shown(moderator, status="rejected") == ["spam"]
    assert len(shown(moderator, status="all")) == 4
    page = moderator.get(QUEUE).content.decode()
    assert "Waiting" in page
    assert "On knots" in page


def test_it_approves_and_rejects_many_at_once(moderator: Client, make_article: MakeArticle) -> None:
    article = make_article()
    good, better, bad = (comment(article, text) for text in ("good", "better", "bad"))
    assert "2 comments approved." in decide(moderator, "approve", good, better)
    assert "1 comment rejected." in decide(moderator, "reject", bad)
    assert set(Comment.objects.approved()) == {good, better}
    assert not Comment.objects.pending().exists()
    assert shown(moderator) == []


def test_it_can_think_better_of_a_decision(moderator: Client, make_article: MakeArticle) -> None:
    bad = comment(make_article(), "bad", APPROVED)
    moderator.post(f"{QUEUE}?status=approved", {"action": "reject", "_selected_action": [str(bad.pk)]})
    bad.refresh_from_db()
    assert bad.status == REJECTED


def test_it_remembers_who_decided(moderator: Client, make_article: MakeArticle) -> None:
    article = make_article()
    first, second = comment(article, "first"), comment(article, "second", APPROVED)
    moderator.post(f"{QUEUE}?status=all", {"action": "approve", "_selected_action": [str(first.pk), str(second.pk)]})
    entry = LogEntry.objects.get()
    assert (entry.object_id, str(entry.user)) == (str(first.pk), MODERATOR)
    assert "status: Approved" in moderator.get(f"{QUEUE}{first.pk}/history/").content.decode()


def test_it_lets_nobody_put_words_into_a_readers_mouth(moderator: Client, make_article: MakeArticle) -> None:
    said = comment(make_article(), "I like knots.")
    page = moderator.get(f"{QUEUE}{said.pk}/change/").content.decode()
    assert "I like knots." in page
    moderator.post(f"{QUEUE}{said.pk}/change/", {"status": "approved", "text": "I hate knots.", "name": "Eve"})
    said.refresh_from_db()
    assert (said.status, said.text, said.name) == (APPROVED, "I like knots.", "Bea")
    assert moderator.get(f"{QUEUE}add/").status_code == 403


def test_it_leads_to_the_article_that_readers_see(moderator: Client, make_article: MakeArticle) -> None:
    public = comment(make_article(), "on the public one")
    draft = comment(make_article("Draft", status=Article.Status.DRAFT), "on the draft")
    assert 'href="/news/on-knots/"' in moderator.get(f"{QUEUE}{public.pk}/change/").content.decode()
    assert 'href="/news/draft/"' not in moderator.get(f"{QUEUE}{draft.pk}/change/").content.decode()


def test_it_finds_comments_by_text_name_and_article(moderator: Client, make_article: MakeArticle) -> None:
    comment(make_article("Knots"), "about the bowline")
    comment(make_article("Tides"), "about the moon")
    assert shown(moderator, q="bowline") == ["about the bowline"]
    assert shown(moderator, q="tides") == ["about the moon"]
    assert len(shown(moderator, q="bea")) == 2


def test_it_asks_the_database_as_often_for_many_as_for_few(
    moderator: Client, make_article: MakeArticle, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    article = make_article()
    for _ in range(2):
        for number in range(15):
            comment(article, f"number {number}")
        with django_assert_num_queries(8):
            moderator.get(QUEUE)
