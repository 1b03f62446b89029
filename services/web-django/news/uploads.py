"""Validation and re-encoding of uploaded pictures.

The name and the type that a browser sends are ignored: the content decides. A valid picture is decoded and encoded
anew, upright, in sRGB and without the metadata of its camera or its author (places, names, thumbnails, code behind the
last byte), so that readers get only pixels.
"""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageCms, ImageOps

if TYPE_CHECKING:
    from django.core.files import File

MAX_BYTES: Final = 10 * 1024 * 1024
MIN_WIDTH: Final = 640
MIN_HEIGHT: Final = 320
MAX_SIDE: Final = 12_000

#: The most pixels of each accepted format. A large JPEG is decoded at a fraction of its size; the other formats have to
#: be decoded whole.
MAX_PIXELS: Final = {"JPEG": 60_000_000, "PNG": 25_000_000, "WEBP": 25_000_000, "AVIF": 25_000_000}

#: The longest side of a stored picture: twice the width on pages, for high-resolution screens.
KEPT_SIDE: Final = 2400

#: Media types for the browser's file chooser.
ACCEPT: Final = "image/jpeg,image/png,image/webp,image/avif"

#: Limits simultaneous decoding: a decoded picture takes up to 100 MB of the container's memory.
_one_at_a_time = threading.Lock()

_SRGB = ImageCms.createProfile("sRGB")

#: Pillow's exceptions for invalid pictures.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, OverflowError)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def clean_picture(upload: File[bytes]) -> SimpleUploadedFile:
    """Return a picture that is safe to store and to show: upright, in sRGB, without metadata, not larger than needed.

    Args:
        upload: the uploaded file.

    Raises:
        ValidationError: it is too large, too small, moving, damaged or no picture at all; the error's code says which.
    """
    if upload.size > MAX_BYTES:
        raise ValidationError(
            _("The picture has %(size)s; at most %(limit)s are taken."),
            "too_large",
            {"size": filesizeformat(upload.size), "limit": filesizeformat(MAX_BYTES)},
        )
    upload.seek(0)
    with _one_at_a_time:
        image = _opened(upload)
        _check_pixels(image)
        return _written(_upright(image))


def _opened(upload: File[bytes]) -> Image.Image:
    """Read only the header; no pixel is decoded yet."""
    try:
        image = Image.open(upload, formats=tuple(MAX_PIXELS))
        moving = getattr(image, "is_animated", False)
    except _BOMBS:
        raise _too_many_pixels() from None
    except _DAMAGED:  # UnidentifiedImageError is an OSError
        raise ValidationError(_("This is no picture in JPEG, PNG, WebP or AVIF."), "not_a_picture") from None
    if moving:
        raise ValidationError(_("Moving pictures are not taken."), "moving")
    return image


def _check_pixels(image: Image.Image) -> None:
    """Refuse pictures that would take too much memory, before any pixel is decoded."""
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS[image.format or ""]:
        raise _too_many_pixels()


def _too_many_pixels() -> ValidationError:
    return ValidationError(_("The picture has too many pixels; save it smaller."), "too_many_pixels")


def _upright(image: Image.Image) -> Image.Image:
    """Decode the picture, rotate it by its metadata, and convert it to sRGB and to the stored size."""
    try:
        image.draft(None, (KEPT_SIDE, KEPT_SIDE))  # only JPEG: skips pixels that would be discarded
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
    except _DAMAGED:
        raise ValidationError(_("The picture is damaged."), "damaged") from None
    _check_size(*image.size)  # after the rotation, not as in the file
    profile = image.info.get("icc_profile")
    image.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if image.mode in {"P", "PA", "LA", "La", "RGBa"} or "transparency" in image.info:
        image = image.convert("RGBA")
    image = _in_srgb(image, profile)
    return image if image.mode in {"RGB", "RGBA"} else image.convert("RGB")


def _check_size(width: int, height: int) -> None:
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        raise ValidationError(
            _("The picture has %(width)d by %(height)d pixels and needs %(least_width)d by %(least_height)d at least."),
            "too_small",
            {"width": width, "height": height, "least_width": MIN_WIDTH, "least_height": MIN_HEIGHT},
        )


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in sRGB, which browsers assume, so that no profile is needed."""
    if not profile:
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode=mode)
    except (ImageCms.PyCMSError, OSError):  # an invalid profile, or one of another colour space
        return image
    return converted or image


def _written(image: Image.Image) -> SimpleUploadedFile:
    """Encode the pixels: as JPEG, or as WebP if there is transparency."""
    image.info.clear()  # otherwise comments and profiles would be copied
    transparent = image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255)
    buffer = io.BytesIO()
    if transparent:
        image.save(buffer, "WEBP", quality=90)
        return SimpleUploadedFile("picture.webp", buffer.getvalue(), "image/webp")
    image.convert("RGB").save(buffer, "JPEG", quality=88, optimize=True, progressive=True)
    return SimpleUploadedFile("picture.jpg", buffer.getvalue(), "image/jpeg")


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
