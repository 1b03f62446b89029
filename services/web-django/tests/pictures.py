"""Generated pictures for tests."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

SIZE = (1600, 900)


def picture(size: tuple[int, int] = SIZE, mode: str = "RGB", **fields: Any) -> Image.Image:  # noqa: ANN401 - Pillow's
    """Return a picture that is red at its top left and blue elsewhere, so that a rotation shows."""
    blue, red = {"RGBA": ((20, 40, 200, 90), (200, 20, 20, 255))}.get(mode, ((20, 40, 200), (200, 20, 20)))
    image = Image.new("RGBA" if mode == "RGBA" else "RGB", size, blue, **fields)
    image.paste(red, (0, 0, size[0] // 2, size[1] // 2))
    return image if image.mode == mode else image.convert(mode)


def encoded(image: Image.Image, file_format: str = "JPEG", **options: Any) -> bytes:  # noqa: ANN401 - Pillow's
    """Return the picture as a file's content."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def upload(
    content: bytes | None = None, name: str = "harbour.jpg", content_type: str = "image/jpeg"
) -> SimpleUploadedFile:
    """Return Django's object for an uploaded file; a valid picture by default."""
    return SimpleUploadedFile(name, encoded(picture()) if content is None else content, content_type)


def png_that_claims(width: int, height: int) -> bytes:
    """Return a small file whose header declares a number of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )
