"""The command that generates many articles and comments."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.utils import timezone
from news.models import Article, Comment

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db


def seed(articles: int, comments: int) -> str:
    output = io.StringIO()
    call_command("seed_demo", articles=articles, comments=comments, stdout=output)
    return output.getvalue()


def test_it_makes_as_many_as_asked_for(client: Client) -> None:
    assert seed(40, 200) == "articles made: 40\ncomments made: 200\n"
    assert (Article.objects.published().count(), Comment.objects.count()) == (40, 200)
    article = Article.objects.get(slug="demo-7")
    assert article.category is not None
    assert article.tags.count() == 3
    assert client.get(article.get_absolute_url()).status_code == 200


def test_it_dates_comments_over_weeks_and_leaves_a_few_to_moderators() -> None:
    seed(10, 300)
    dates = Comment.objects.values_list("created_at", flat=True)
    assert len(set(dates)) == 300
    assert max(dates) <= timezone.now()
    assert Comment.objects.approved().count() > 280
    assert Comment.objects.exclude(status=Comment.Status.APPROVED).exists()


def test_it_adds_only_what_is_missing() -> None:
    seed(10, 50)
    titles = list(Article.objects.values_list("title", flat=True))
    assert seed(10, 50) == "articles made: 0\ncomments made: 0\n"
    Article.objects.get(slug="demo-3").delete()
    assert seed(12, 60).startswith("articles made: 3\n")
    assert Comment.objects.count() == 60
    assert set(titles) <= set(Article.objects.values_list("title", flat=True))


def test_it_leaves_what_people_wrote_alone() -> None:
    Article.objects.create(title="Mine", slug="mine", summary="-", body="-", author_name="Ada")
    seed(3, 9)
    assert Article.objects.get(slug="mine").comments.count() == 0
    assert Article.objects.count() == 4


def test_it_makes_no_comments_without_articles() -> None:
    assert seed(0, 10) == "articles made: 0\ncomments made: 0\n"
