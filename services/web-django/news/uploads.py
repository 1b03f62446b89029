"""What may come in as a picture, and what is made of it before it is stored.

The name and the type that a browser gives are ignored: the content decides. A picture that passes is decoded and
written anew, upright, in sRGB and without anything that its camera or its author wrote into it (places, names,
thumbnails, code behind the last byte), so what readers get is pixels and nothing else.
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

#: The most pixels of each accepted format. JPEG is decoded at a fraction of its size where it is large; the others
#: have to be unpacked whole.
MAX_PIXELS: Final = {"JPEG": 60_000_000, "PNG": 25_000_000, "WEBP": 25_000_000, "AVIF": 25_000_000}

#: The longest side of what is kept: twice the width that pages show, for fine screens.
KEPT_SIDE: Final = 2400

#: For the file chooser of browsers.
ACCEPT: Final = "image/jpeg,image/png,image/webp,image/avif"

#: A decoded picture takes up to 100 MB, and the container's memory is shared by several threads.
_one_at_a_time = threading.Lock()

_SRGB = ImageCms.createProfile("sRGB")

#: What Pillow raises when the bytes of a picture make no sense.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, OverflowError)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def clean_picture(upload: File[bytes]) -> SimpleUploadedFile:
    """Return a picture that is safe to keep and to show: upright, in sRGB, without metadata, not larger than needed.

    Args:
        upload: what came in.

    Raises:
        ValidationError: it is too large, too small, moving, damaged or no picture at all; its code says which.
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
    """Read the header alone; nothing is unpacked yet."""
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
    """Refuse what would take too much memory, before a single pixel is unpacked."""
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS[image.format or ""]:
        raise _too_many_pixels()


def _too_many_pixels() -> ValidationError:
    return ValidationError(_("The picture has too many pixels; save it smaller."), "too_many_pixels")


def _upright(image: Image.Image) -> Image.Image:
    """Decode the picture, turn it as its camera was held, and bring it to sRGB and to the size that is kept."""
    try:
        image.draft(None, (KEPT_SIDE, KEPT_SIDE))  # JPEG alone: skips what would be thrown away
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
    except _DAMAGED:
        raise ValidationError(_("The picture is damaged."), "damaged") from None
    _check_size(*image.size)  # as it stands now, not as it lay in the file
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
    """Return the picture in the colours that browsers assume, so that the profile need not be kept."""
    if not profile:
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode=mode)
    except (ImageCms.PyCMSError, OSError):  # a profile that is none, or of other colours than the picture's
        return image
    return converted or image


def _written(image: Image.Image) -> SimpleUploadedFile:
    """Encode the pixels: as JPEG, which everything reads, or as WebP where there is transparency."""
    image.info.clear()  # comments and profiles would be copied from here
    transparent = image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255)
    buffer = io.BytesIO()
    if transparent:
        image.save(buffer, "WEBP", quality=90)
        return SimpleUploadedFile("picture.webp", buffer.getvalue(), "image/webp")
    image.convert("RGB").save(buffer, "JPEG", quality=88, optimize=True, progressive=True)
    return SimpleUploadedFile("picture.jpg", buffer.getvalue(), "image/jpeg")


class PictureField(forms.FileField):
    """A form's field for a picture: its value is what :func:`clean_picture` made of the upload."""

    def to_python(self, data: Any) -> SimpleUploadedFile | None:  # noqa: ANN401 - Django's own signature
        """Return the picture that is kept, or None where none was sent.

        Raises:
            ValidationError: the upload is no picture that is taken.
        """
        upload = super().to_python(data)
        return None if upload is None else clean_picture(upload)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Let the browser offer pictures only."""
        attributes = super().widget_attrs(widget)
        return {**attributes, "accept": ACCEPT} if isinstance(widget, forms.FileInput) else attributes
