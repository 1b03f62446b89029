"""Where pictures lie. Every file has a random name that is never used a second time.

So browsers and caches may keep a picture for good, and nobody guesses the address of a draft's.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from secrets import token_hex
from typing import TYPE_CHECKING

from django.utils import timezone

if TYPE_CHECKING:
    from django.db.models import Model


def cover_path(_article: Model, filename: str) -> str:
    """Return where a new cover goes; of the name that came with it only the ending is kept."""
    return _random("covers", filename)


def rendition_path(_rendition: Model, filename: str) -> str:
    """Return where a new rendition goes."""
    return _random("renditions", filename)


def _random(folder: str, filename: str) -> str:
    return f"{folder}/{timezone.now():%Y/%m}/{token_hex(16)}{PurePosixPath(filename).suffix.lower()}"
