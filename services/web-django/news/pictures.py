"""Cover pictures as readers get them: made by a worker in several widths and formats, from which browsers choose.

Until they are made pages show the cover itself, which is small enough for that. Every file has a random name that is
never used again: readers may keep a picture for good, and nobody guesses the address of a draft's.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from PIL import Image

from news.models import Article, Rendition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.files.storage import Storage

logger = logging.getLogger(__name__)

#: From a phone's column to a large, fine screen. A cover that is smaller is never blown up.
WIDTHS: Final = (480, 960, 1440, 1920)

#: Formats, named as in media types, and how each is written; the best first, because browsers take the first one that
#: they know.
FORMATS: Final[dict[str, dict[str, Any]]] = {
    "avif": {"quality": 62, "speed": 6, "max_threads": 1},
    "webp": {"quality": 80, "method": 4},
}

#: Covers that one run of the upkeep takes on, so that it comes to an end.
MISSING_AT_ONCE: Final = 20


class ArticleMissingError(LookupError):
    """There is no such article, or not yet: its transaction may be a moment from its commit."""


@dataclass(frozen=True)
class Source:
    """One format's pictures: the value of a ``source`` element's attributes."""

    type: str
    srcset: str


@dataclass(frozen=True)
class Cover:
    """What a template needs to show a cover without anything jumping."""

    url: str
    width: int
    height: int
    alt: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class _Picture:
    """A rendition before it is stored."""

    width: int
    height: int
    format: str
    content: bytes


def cover_of(article: Article) -> Cover | None:
    """Return how to show an article's cover, or None if it has none.

    Args:
        article: an article; lists prefetch ``renditions``.
    """
    if not article.cover:
        return None
    order = list(FORMATS)
    renditions = sorted(article.renditions.all(), key=lambda one: (order.index(one.format), one.width))
    sources = (
        Source(f"image/{name}", ", ".join(f"{one.file.url} {one.width}w" for one in group))
        for name, group in groupby(renditions, attrgetter("format"))
    )
    return Cover(
        url=article.cover.url,
        width=article.cover_width or 0,
        height=article.cover_height or 0,
        alt=article.cover_alt,
        sources=tuple(sources),
    )


def thumbnail_url(article: Article) -> str | None:
    """Return the address of the smallest picture of an article, for lists in the admin."""
    smallest = min(article.renditions.all(), key=attrgetter("width"), default=None)
    if smallest is not None:
        return smallest.file.url
    return article.cover.url if article.cover else None


def make_thumbnails(article_id: int) -> int:
    """Make the pictures of an article's cover and return how many were made; 0 if there is nothing to do (any more).

    Called twice for the same cover, it makes them once. A cover that is replaced meanwhile has a task of its own.

    Raises:
        ArticleMissingError: there is no such article.
    """
    article = Article.objects.filter(pk=article_id).first()
    if article is None:
        raise ArticleMissingError(f"there is no article {article_id}")
    if not article.cover or article.renditions.exists():
        return 0
    name = article.cover.name
    try:
        with article.cover.open("rb") as file:
            encoded = list(_encoded(file))
    except FileNotFoundError:
        logger.warning("the cover of article %d is gone: %s", article_id, name)
        return 0
    with transaction.atomic():
        # Whoever holds this row decides: neither a second task nor an editor's new cover comes in between.
        current = Article.objects.select_for_update().filter(pk=article_id, cover=name)
        if not current.exists() or article.renditions.exists():
            return 0
        _store(article, encoded)
        # The page is another one now: browsers and caches that ask whether it changed must hear so.
        current.update(modified_at=timezone.now())
    return len(encoded)


def make_missing_thumbnails() -> int:
    """Make the pictures of covers that have none, and return how many were made.

    The first articles come before there is anybody to make them, and a task may have been given up.
    """
    waiting = Article.objects.exclude(cover="").filter(renditions=None).order_by("pk")
    return sum(_made_or_none(pk) for pk in waiting.values_list("pk", flat=True)[:MISSING_AT_ONCE])


def _made_or_none(article_id: int) -> int:
    """Let no cover stand in the way of the others."""
    try:
        return make_thumbnails(article_id)
    except Exception:
        # Whatever a decoder or a storage raises.
        logger.warning("cannot make the pictures of article %d", article_id, exc_info=True)
        return 0


def _encoded(file: Any) -> Iterator[_Picture]:  # noqa: ANN401 - whatever the storage opens
    """Make each picture of a cover."""
    with Image.open(file) as image:
        image.load()
        largest = min(image.width, WIDTHS[-1])
        for width in sorted({*(width for width in WIDTHS if width < largest), largest}):
            height = max(1, round(image.height * width / image.width))
            smaller = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
            for file_format, options in FORMATS.items():
                buffer = io.BytesIO()
                smaller.save(buffer, file_format.upper(), **options)
                yield _Picture(width, height, file_format, buffer.getvalue())


def _store(article: Article, encoded: list[_Picture]) -> None:
    """Save files and rows; files that were written before something failed are removed again."""
    saved: list[Rendition] = []
    try:
        for one in encoded:
            rendition = Rendition(article=article, width=one.width, height=one.height, format=one.format)
            rendition.file.save(f"{one.width}.{one.format}", ContentFile(one.content), save=False)
            saved.append(rendition)
        Rendition.objects.bulk_create(saved)
    except BaseException:
        for rendition in saved:
            remove_file(rendition.file.storage, rendition.file.name)
        raise


def remove_later(storage: Storage, name: str) -> None:
    """Remove a file once the transaction that made it useless is committed."""
    transaction.on_commit(partial(remove_file, storage, name))


def remove_file(storage: Storage, name: str | None) -> None:
    """Remove a file; one that cannot be removed is only a waste of space."""
    try:
        if name:
            storage.delete(name)
    except Exception:
        # Each kind of storage has errors of its own.
        logger.warning("cannot remove the picture %s", name, exc_info=True)
