"""Renditions of cover pictures, which a worker makes in several widths and formats for the browsers' choice.

Until they exist, pages show the cover itself, which is small enough for that. Every file has a random name that is
never reused: readers may cache a picture for ever, and the address of a draft's picture cannot be guessed.
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

#: From a phone's column to a large high-resolution screen. A smaller cover is never enlarged.
WIDTHS: Final = (480, 960, 1440, 1920)

#: Formats, named as in media types, with their encoder's options; the best first, because browsers take the first one
#: that they support. AVIF's default speed, 6, takes twice the time of 7 for files that are a twentieth smaller.
FORMATS: Final[dict[str, dict[str, Any]]] = {
    "avif": {"quality": 62, "speed": 7, "max_threads": 1},
    "webp": {"quality": 80, "method": 4},
}

#: The most covers that one maintenance run processes, so that the run ends.
MISSING_AT_ONCE: Final = 20


class ArticleMissingError(LookupError):
    """The article does not exist, or not yet: its transaction may be about to commit."""


@dataclass(frozen=True)
class Source:
    """One format's renditions: the attributes of a ``source`` element."""

    type: str
    srcset: str


@dataclass(frozen=True)
class Cover:
    """A cover's data for a template, with its size so that the layout does not shift."""

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
    """Return the data of an article's cover, or None if it has none.

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
    """Return the address of an article's smallest rendition, for lists in the admin."""
    smallest = min(article.renditions.all(), key=attrgetter("width"), default=None)
    if smallest is not None:
        return smallest.file.url
    return article.cover.url if article.cover else None


def make_thumbnails(article_id: int) -> int:
    """Make the renditions of an article's cover and return their number; 0 if there is nothing to do (any more).

    Two calls for the same cover make them once. A cover that is replaced meanwhile has a task of its own.

    Raises:
        ArticleMissingError: the article does not exist.
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
        # The lock of this row excludes a second task and an editor's new cover.
        current = Article.objects.select_for_update().filter(pk=article_id, cover=name)
        if not current.exists() or article.renditions.exists():
            return 0
        _store(article, encoded)
        # The page has changed: browsers and caches that revalidate it must notice that.
        current.update(modified_at=timezone.now())
    return len(encoded)


def make_missing_thumbnails() -> int:
    """Make the renditions of covers without any, and return their number.

    The first articles are stored before a worker runs, and a task may have been given up.
    """
    waiting = Article.objects.exclude(cover="").filter(renditions=None).order_by("pk")
    return sum(_made_or_none(pk) for pk in waiting.values_list("pk", flat=True)[:MISSING_AT_ONCE])


def _made_or_none(article_id: int) -> int:
    """Make a cover's renditions; a failure must not affect other covers."""
    try:
        return make_thumbnails(article_id)
    except Exception:
        # Any exception of a decoder or a storage.
        logger.warning("cannot make the pictures of article %d", article_id, exc_info=True)
        return 0


def _encoded(file: Any) -> Iterator[_Picture]:  # noqa: ANN401 - any file of the storage
    """Make each rendition of a cover."""
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
    """Save files and rows; after a failure the written files are removed."""
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
    """Remove an unused file after the transaction's commit."""
    transaction.on_commit(partial(remove_file, storage, name))


def remove_file(storage: Storage, name: str | None) -> None:
    """Remove a file; a failure only wastes space."""
    try:
        if name:
            storage.delete(name)
    except Exception:
        # Each kind of storage has errors of its own.
        logger.warning("cannot remove the picture %s", name, exc_info=True)
