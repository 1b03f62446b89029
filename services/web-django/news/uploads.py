"""Validation and re-encoding of uploaded pictures.

The name and the type that a browser sends are ignored: the content decides. A valid picture is decoded and encoded
anew, upright, in sRGB and without the metadata of its camera or its author (places, names, thumbnails, code behind the
last byte), so that readers get only pixels. The process that answers requests decodes nothing: :mod:`news.decoding` is
a process of its own, with a limit of its memory.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from news import decoding
from news.decoding import KEPT_SIDE, MIN_HEIGHT, MIN_WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.files import File
    from django.utils.functional import _StrPromise

__all__ = ["KEPT_SIDE", "MAX_BYTES", "PictureField", "clean_picture"]

MAX_BYTES: Final = 10 * 1024 * 1024

#: Media types for the browser's file chooser.
ACCEPT: Final = "image/jpeg,image/png,image/webp,image/avif"

#: Seconds for which an upload waits for another one's decoding, and for its own.
PATIENCE: Final = 20.0
DEADLINE: Final = 60.0

#: The file whose lock limits decoding to one picture at a time in this container, whatever the number of processes.
LOCK: Final = Path(tempfile.gettempdir()) / "news-decoding.lock"

#: Isolated from this process's variables and import path.
PROGRAM: Final = (sys.executable, "-I", decoding.__file__)

_MESSAGES: Final[dict[str, _StrPromise]] = {
    "not_a_picture": _("This is no picture in JPEG, PNG, WebP or AVIF."),
    "moving": _("Moving pictures are not taken."),
    "too_many_pixels": _("The picture has too many pixels; save it smaller."),
    "damaged": _("The picture is damaged."),
    "too_small": _(
        "The picture has %(width)d by %(height)d pixels and needs %(least_width)d by %(least_height)d at least."
    ),
    "too_costly": _("The picture takes too much memory or time to open; save it smaller."),
}


def clean_picture(upload: File[bytes]) -> SimpleUploadedFile:
    """Return a picture that is safe to store and to show: upright, in sRGB, without metadata, not larger than needed.

    Args:
        upload: the uploaded file.

    Raises:
        ValidationError: it is too large, too small, moving, damaged or no picture at all, or too many pictures are
            being uploaded; the error's code says which.
    """
    if upload.size > MAX_BYTES:
        raise ValidationError(
            _("The picture has %(size)s; at most %(limit)s are taken."),
            "too_large",
            {"size": filesizeformat(upload.size), "limit": filesizeformat(MAX_BYTES)},
        )
    upload.seek(0)
    with _one_at_a_time():
        line, _newline, content = _decoded(upload.read()).partition(b"\n")
    answer: dict[str, Any] = json.loads(line)
    if "refused" in answer:
        raise _refusal(answer["refused"], answer["size"])
    if answer["format"] == "WEBP":
        return SimpleUploadedFile("picture.webp", content, "image/webp")
    return SimpleUploadedFile("picture.jpg", content, "image/jpeg")


def _decoded(content: bytes) -> bytes:
    """Return the program's output.

    Raises:
        ValidationError: the program was ended by one of its limits.
    """
    try:
        done = subprocess.run(PROGRAM, input=content, capture_output=True, env={}, timeout=DEADLINE, check=False)
    except subprocess.TimeoutExpired:
        raise _refusal("too_costly") from None
    if done.returncode:
        raise _refusal("too_costly")
    return done.stdout


def _refusal(code: str, size: tuple[int, int] | None = None) -> ValidationError:
    width, height = size or (0, 0)
    values = {"width": width, "height": height, "least_width": MIN_WIDTH, "least_height": MIN_HEIGHT}
    return ValidationError(_MESSAGES[code], code, values if size else None)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let no second picture be decoded in this container during the block.

    Raises:
        ValidationError: others are being decoded all the time.
    """
    deadline = time.monotonic() + PATIENCE
    with LOCK.open("w", encoding="ascii") as file:
        while not _locked(file.fileno()):
            if time.monotonic() > deadline:
                raise ValidationError(_("Many pictures are being uploaded at this moment. Please try again."), "busy")
            time.sleep(0.05)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class PictureField(forms.FileField):
    """A form's field for a picture: its value is the result of :func:`clean_picture`."""

    def to_python(self, data: Any) -> SimpleUploadedFile | None:  # noqa: ANN401 - Django's own signature
        """Return the picture to store, or None without an upload.

        Raises:
            ValidationError: the upload is no acceptable picture.
        """
        upload = super().to_python(data)
        return None if upload is None else clean_picture(upload)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Let the browser offer only pictures."""
        attributes = super().widget_attrs(widget)
        return {**attributes, "accept": ACCEPT} if isinstance(widget, forms.FileInput) else attributes
