"""A program that decodes one untrusted picture and encodes it anew, in a process of its own.

:mod:`news.uploads` runs it for each upload. Standard input is the uploaded file. Standard output is a line of JSON,
which names the problem or the new picture's format, and then the new picture. The process has a limit of its memory,
which no coding of a picture exceeds, gets no variable of its parent, and is the first that the kernel ends if the
container's memory is full.

It needs only Pillow: the import of Django would double the memory of most pictures.
"""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageCms, ImageOps

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB: Final = 1 << 20

#: Bytes of the process's address space, of which Python and Pillow take 30 MiB.
ADDRESS_SPACE: Final = 256 * MIB

#: Bytes that decoding and shrinking may take by the reckoning below, which is generous.
MOST_MEMORY: Final = 208 * MIB

#: Seconds of processor time. A small file may hold thousands of scans.
MOST_SECONDS: Final = 30

MIN_WIDTH: Final = 640
MIN_HEIGHT: Final = 320
MAX_SIDE: Final = 12_000

#: The longest side of a stored picture: twice the width on pages, for high-resolution screens.
KEPT_SIDE: Final = 2400

#: Bytes for each pixel in the most expensive coding of each accepted format; tests decode these codings within
#: :data:`ADDRESS_SPACE`. Of a JPEG they are the bytes for each pixel after its scaled decoding.
BYTES_PER_PIXEL: Final = {"JPEG": 7.5, "PNG": 11, "WEBP": 23, "AVIF": 20}

#: The most pixels of a JPEG, which bounds its processor time.
MOST_JPEG_PIXELS: Final = 60_000_000

#: Pillow's exceptions for invalid pictures.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, OverflowError, struct.error)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)

_ORIENTATION = 0x0112
_TURNED = range(5, 9)  # orientations that exchange width and height


class RefusedError(Exception):
    """The picture is not accepted.

    Args:
        code: the reason: ``not_a_picture``, ``moving``, ``too_many_pixels``, ``damaged`` or ``too_small``.
        size: the width and height, if they are the reason.
    """

    def __init__(self, code: str, size: tuple[int, int] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.size = size


@dataclass(frozen=True)
class Cleaned:
    """A picture that is safe to store.

    Args:
        format: ``JPEG`` or ``WEBP``.
        content: the file.
    """

    format: str
    content: bytes


def clean(content: bytes) -> Cleaned:
    """Return a picture anew: upright, in sRGB, without metadata, not larger than needed.

    Args:
        content: an uploaded file.

    Raises:
        RefusedError: it is too large, too small, moving, damaged or no picture at all.
    """
    try:
        image = _opened(content)
        _check_cost(content, image)
        return _written(_upright(image))
    except MemoryError:
        raise RefusedError("too_many_pixels") from None


def _opened(content: bytes) -> Image.Image:
    """Read only the header; no pixel is decoded yet."""
    if content[8:12] == b"WEBP":
        _check_webp(content)  # Pillow allocates a WebP's pixels when it opens the file
    try:
        image = Image.open(io.BytesIO(content), formats=tuple(BYTES_PER_PIXEL))
        moving = getattr(image, "is_animated", False)
    except _BOMBS:
        raise RefusedError("too_many_pixels") from None
    except _DAMAGED:  # UnidentifiedImageError is an OSError
        raise RefusedError("not_a_picture") from None
    if moving:
        raise RefusedError("moving")
    return image


def _check_cost(content: bytes, image: Image.Image) -> None:
    """Refuse pictures that would take too much memory or time, before any pixel is decoded."""
    width, height = image.size
    pixels = width * height
    if max(width, height) > MAX_SIDE:
        raise RefusedError("too_many_pixels")
    cost = 0.0
    if image.format == "JPEG":
        if pixels > MOST_JPEG_PIXELS:
            raise RefusedError("too_many_pixels")
        cost = _coefficients(content)
        image.draft(None, _kept(width, height))  # decodes a fraction of the pixels
        pixels = image.width * image.height
    if cost + pixels * BYTES_PER_PIXEL[image.format or ""] > MOST_MEMORY:
        raise RefusedError("too_many_pixels")


def _kept(width: int, height: int) -> tuple[int, int]:
    """Return the size of a picture that is not larger than needed."""
    scale = min(1.0, KEPT_SIDE / max(width, height))
    return max(1, int(width * scale)), max(1, int(height * scale))


def _coefficients(jpeg: bytes) -> float:
    """Return the bytes of all coefficients, which the decoder of a JPEG with several scans keeps; 0 with one scan."""
    parts = 0
    size: float = 0
    for marker, segment in _segments(jpeg):
        if marker in _FRAMES and len(segment) > _FRAME_HEADER:
            height, width, parts = (int(value) for value in struct.unpack(">HHB", segment[1:_FRAME_HEADER]))
            samplings = [(byte >> 4) * (byte & 15) for byte in segment[_FRAME_HEADER + 1 :: 3][:parts]]
            size = 2.0 * width * height * sum(samplings) / max([1, *samplings])
            if marker in _PROGRESSIVE:
                return size
        elif marker == _SCAN:
            return size if segment and segment[0] < parts else 0.0
    return size


#: JPEG's markers: frames, those among them with several scans, and the start of the first scan.
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SCAN = 0xDA
_MARK = 0xFF
_FRAME_HEADER = 6


def _segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the markers of a JPEG and their data, up to the first scan."""
    at = 2
    while at + 4 <= len(jpeg):
        if jpeg[at] != _MARK or jpeg[at + 1] in {0x00, _MARK}:  # a decoder skips these
            at += 1
            continue
        marker = jpeg[at + 1]
        length = 0 if 0xD0 <= marker <= 0xD8 else int.from_bytes(jpeg[at + 2 : at + 4])  # noqa: PLR2004 - without data
        yield marker, jpeg[at + 4 : at + 2 + length]
        if marker == _SCAN:
            return
        at += 2 + length


def _check_webp(content: bytes) -> None:
    """Refuse a WebP by its header: https://www.rfc-editor.org/rfc/rfc9649.html."""
    kind, data = content[12:16], content[20:30]
    if len(data) < 10:  # noqa: PLR2004 - the longest header
        raise RefusedError("not_a_picture")
    if kind == b"VP8X":
        if data[0] & 2:
            raise RefusedError("moving")
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (4, 7))
    elif kind == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    if max(width, height) > MAX_SIDE or width * height * BYTES_PER_PIXEL["WEBP"] > MOST_MEMORY:
        raise RefusedError("too_many_pixels")


def _upright(image: Image.Image) -> Image.Image:
    """Decode the picture, rotate it by its metadata, and convert it to sRGB and to the stored size."""
    width, height = image.size
    try:
        turned = image.getexif().get(_ORIENTATION) in _TURNED
        _check_size(*((height, width) if turned else (width, height)))
        image.load()
        image.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
        ImageOps.exif_transpose(image, in_place=True)
    except _DAMAGED:
        raise RefusedError("damaged") from None
    profile = image.info.get("icc_profile")
    if image.mode in {"P", "PA", "LA", "La", "RGBa"} or "transparency" in image.info:
        image = image.convert("RGBA")
    image = _in_srgb(image, profile)
    return image if image.mode in {"RGB", "RGBA"} else image.convert("RGB")


def _check_size(width: int, height: int) -> None:
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        raise RefusedError("too_small", (width, height))


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in sRGB, which browsers assume, so that no profile is needed."""
    if not profile:
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode=mode)
    except (ImageCms.PyCMSError, OSError):  # an invalid profile, or one of another colour space
        return image
    return converted or image


def _written(image: Image.Image) -> Cleaned:
    """Encode the pixels: as JPEG, or as WebP if there is transparency."""
    image.info.clear()  # otherwise comments and profiles would be copied
    transparent = image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255)
    buffer = io.BytesIO()
    if transparent:
        image.save(buffer, "WEBP", quality=90)
        return Cleaned("WEBP", buffer.getvalue())
    image.convert("RGB").save(buffer, "JPEG", quality=88, optimize=True, progressive=True)
    return Cleaned("JPEG", buffer.getvalue())


def confine() -> None:
    """Limit this process: its memory, its time, no file; pages go before it, and the kernel ends it first."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(kind, (0, 0))
    os.nice(10)
    with suppress(OSError):  # only Linux has it
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def main() -> None:
    """Clean the picture on standard input."""
    confine()
    content = sys.stdin.buffer.read()
    # Each thread of a decoder has memory of its own.
    with suppress(ImportError):
        from PIL import AvifImagePlugin  # noqa: PLC0415 - a Pillow without AVIF lacks it

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    try:
        cleaned = clean(content)
        answer, picture = {"format": cleaned.format}, cleaned.content
    except RefusedError as error:
        answer, picture = {"refused": error.code, "size": error.size}, b""  # type: ignore[dict-item]
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + picture)


if __name__ == "__main__":
    main()
