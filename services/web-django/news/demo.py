"""Many generated articles and comments, for tests of pages under realistic amounts of data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from random import Random
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Now
from django.utils import timezone

from news.models import Article, Category, Comment, Tag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

#: The prefix of generated slugs, by which the next run finds the articles.
PREFIX = "demo-"

#: Rows of one insert.
BATCH = 2000

#: Time between two articles, and between two comments.
ARTICLE_DISTANCE = timedelta(minutes=47)
COMMENT_DISTANCE = timedelta(minutes=3)

CATEGORIES = ("Harbours", "Ropes", "Weather", "Repairs", "Crews", "Charts")
TAGS = ("anchors", "tides", "paint", "engines", "logs", "watches", "fog", "lanterns", "cargo", "pilots")
SUBJECTS = ("The bollard", "A bowline", "The night watch", "An old chart", "The pilot", "A frayed rope", "The tide")
VERBS = ("holds", "waits for", "outlasts", "forgives", "remembers", "needs", "explains")
OBJECTS = ("the storm", "a patient crew", "the harbour wall", "a second look", "the morning", "a better knot")
READERS = ("Ada", "Bram", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hugo")


@dataclass(frozen=True)
class Made:
    """The rows that a run added.

    Args:
        articles: the number of articles.
        comments: the number of comments.
    """

    articles: int
    comments: int


@transaction.atomic
def make(articles: int, comments: int) -> Made:
    """Add generated articles and comments up to the given numbers; existing ones count.

    Args:
        articles: the total number of generated articles.
        comments: the total number of their comments.
    """
    return Made(_make_articles(articles), _make_comments(comments))


def tidy() -> None:
    """Let PostgreSQL update its statistics, which it does by itself within minutes.

    Until then it plans as if the tables were empty, and reads whole rows where an index would be enough.
    """
    command = "ANALYZE" if connection.in_atomic_block else "VACUUM ANALYZE"
    with connection.cursor() as cursor:
        for model in (Article, Article.tags.through, Comment):
            cursor.execute(f"{command} {connection.ops.quote_name(model._meta.db_table)}")  # noqa: SLF001 - as documented


def sentence(dice: Random) -> str:
    """Return a meaningless sentence."""
    return f"{dice.choice(SUBJECTS)} {dice.choice(VERBS)} {dice.choice(OBJECTS)}."


def text(dice: Random) -> str:
    """Return an article's text, a few paragraphs of Markdown with a heading and a list."""
    paragraphs = [" ".join(sentence(dice) for _ in range(6)) for _ in range(4)]
    listed = "\n".join(f"- {sentence(dice)}" for _ in range(3))
    return "\n\n".join((*paragraphs[:2], f"## {sentence(dice)[:-1]}", listed, *paragraphs[2:]))


def _make_articles(wanted: int) -> int:
    present = set(Article.objects.filter(slug__startswith=PREFIX).values_list("slug", flat=True))
    missing = [number for number in range(1, wanted + 1) if f"{PREFIX}{number}" not in present]
    categories = [Category.objects.get_or_create(slug=_slug(name), defaults={"name": name})[0] for name in CATEGORIES]
    tags = [Tag.objects.get_or_create(slug=_slug(name), defaults={"name": name})[0] for name in TAGS]
    now = timezone.now()
    for numbers in batched(missing, BATCH, strict=False):
        made = Article.objects.bulk_create(
            _article(number, categories[number % len(categories)], now - number * ARTICLE_DISTANCE)
            for number in numbers
        )
        Article.tags.through.objects.bulk_create(
            Article.tags.through(article_id=article.pk, tag_id=tag.pk)
            for article in made
            for tag in Random(article.slug).sample(tags, 3)  # noqa: S311 - not for security
        )
    return len(missing)


def _article(number: int, category: Category, published_at: datetime) -> Article:
    dice = Random(number)  # noqa: S311 - the same texts at every run
    return Article(
        title=f"{sentence(dice)[:-1]} ({number})",
        slug=f"{PREFIX}{number}",
        summary=f"{sentence(dice)} {sentence(dice)}",
        body=text(dice),
        category=category,
        author_name=dice.choice(READERS),
        status=Article.Status.PUBLISHED,
        published_at=published_at,
    )


def _make_comments(wanted: int) -> int:
    articles = list(Article.objects.filter(slug__startswith=PREFIX).order_by("pk").values_list("pk", flat=True))
    missing = max(0, wanted - Comment.objects.filter(article__slug__startswith=PREFIX).count()) if articles else 0
    for part in batched(_comments(articles, missing), BATCH, strict=False):
        made = Comment.objects.bulk_create(part)
        # Django dates new rows with the present time; a conversation takes longer.
        Comment.objects.filter(pk__in=[comment.pk for comment in made]).update(
            created_at=Now() - F("pk") % Value(100_000) * Value(COMMENT_DISTANCE)
        )
    return missing


def _comments(articles: list[int], count: int) -> Iterator[Comment]:
    """Generate the comments: nearly all of them approved, unevenly distributed over the articles."""
    dice = Random(count)  # noqa: S311 - as above
    for number in range(count):
        status = Comment.Status.APPROVED if number % 20 else dice.choice(Comment.Status.values)
        yield Comment(
            article_id=articles[int(len(articles) * dice.random() ** 1.2)],
            name=dice.choice(READERS),
            text=f"{sentence(dice)} {sentence(dice)}",
            status=status,
        )


def _slug(name: str) -> str:
    return f"{PREFIX}{name.lower()}"
