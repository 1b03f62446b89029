"""The paths of pictures. Every file has a random name that is never reused.

So browsers and caches may keep a picture for ever, and the address of a draft's picture cannot be guessed.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from secrets import token_hex
from typing import TYPE_CHECKING

from django.utils import timezone

if TYPE_CHECKING:
    from django.db.models import Model


def cover_path(_article: Model, filename: str) -> str:
    """Return the path of a new cover; only the extension of the uploaded name is kept."""
    return _random("covers", filename)


def rendition_path(_rendition: Model, filename: str) -> str:
    """Return the path of a new rendition."""
    return _random("renditions", filename)


def _random(folder: str, filename: str) -> str:
    return f"{folder}/{timezone.now():%Y/%m}/{token_hex(16)}{PurePosixPath(filename).suffix.lower()}"
