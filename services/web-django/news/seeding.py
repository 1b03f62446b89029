"""The first articles, from text files: a few header lines, a blank line and the text. A cover is beside each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from email import message_from_string
from email.policy import default
from pathlib import Path

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from news.models import Article, Category, Tag

SEED_FOLDER = Path(__file__).parent / "seed"

#: Time between two of the first articles, so that the list looks natural.
DISTANCE = timedelta(days=3, hours=5)


@dataclass(frozen=True)
class Seed:
    """One of the first articles, with its category and tags."""

    article: Article
    category: str
    tags: tuple[str, ...]


def read_article(path: Path, *, cover: bool = True) -> Seed:
    """Return the article in a file; its name is a number for the order, a hyphen and the slug.

    Args:
        path: the file.
        cover: whether it gets the picture beside it.

    Raises:
        KeyError: a header line is missing.
    """
    message = message_from_string(path.read_text(encoding="utf-8"), policy=default)
    picture = path.with_suffix(".webp")
    article = Article(
        title=message["Title"],
        slug=path.stem.split("-", maxsplit=1)[1],
        summary=message["Summary"],
        author_name=message["Author"],
        body=message.get_content().strip(),
        status=Article.Status.PUBLISHED,
        cover=ContentFile(picture.read_bytes(), picture.name) if cover else "",
        cover_alt=message["Cover"] if cover else "",
    )
    return Seed(article, message["Category"], tuple(tag.strip() for tag in message["Tags"].split(",")))


@transaction.atomic
def seed(*, covers: bool = True) -> int:
    """Store the first articles if there are none at all, and return their number.

    Args:
        covers: whether pictures can be stored from here; a worker makes their renditions.
    """
    if Article.objects.exists():
        return 0
    now = timezone.now()
    seeds = [read_article(path, cover=covers) for path in sorted(SEED_FOLDER.glob("*.txt"))]
    for age, each in enumerate(seeds):
        each.article.published_at = now - age * DISTANCE
        each.article.category, _ = Category.objects.get_or_create(
            name=each.category, defaults={"slug": slugify(each.category)}
        )
    made = Article.objects.bulk_create(each.article for each in seeds)
    for each in seeds:
        each.article.tags.set(
            Tag.objects.get_or_create(name=tag, defaults={"slug": slugify(tag)})[0] for tag in each.tags
        )
    return len(made)
