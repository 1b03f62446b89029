"""Pictures that cost the most memory: they are opened in a process of their own, within its limit, or refused."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from news import decoding, uploads
from news.uploads import PROGRAM, PictureField, clean_picture
from PIL import Image, ImageFile

from tests.pictures import encoded, upload

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow  # each encodes and decodes a picture of many megapixels

WORST = decoding.MOST_MEMORY


def plain(side: int, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (side, side))


def jpeg(pixel: float, mode: str = "RGB", **options: Any) -> bytes:  # noqa: ANN401 - Pillow's
    """Return the largest JPEG that is accepted, if its pixels cost so many bytes each beside the drafted ones."""
    sides = (side for side in range(decoding.MAX_SIDE, 0, -100) if cost(side, pixel) <= WORST)
    return encoded(plain(next(sides), mode), "JPEG", **options)


def cost(side: int, pixel: float) -> float:
    drafted: int = side // max(1, 1 << (side // decoding.KEPT_SIDE).bit_length() - 1)
    if side * side > decoding.MOST_JPEG_PIXELS:
        return WORST + 1
    return pixel * side**2 + decoding.BYTES_PER_PIXEL["JPEG"] * drafted**2


def largest(name: str) -> int:
    """Return the side of the largest square that is accepted."""
    return isqrt(int(WORST / decoding.BYTES_PER_PIXEL[name]))


def interlaced(side: int) -> bytes:
    """Return a PNG of four channels with 16 bits each, in seven passes (Adam7), which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(1)
    data = b""
    for x, y, right, down in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)):
        width, height = -((x - side) // right), -((y - side) // down)
        data += packer.compress(bytes((1 + 8 * width) * height))
    data += packer.compress(bytes((1 + 8 * side) * (side // 2))) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


COSTLY: dict[str, Callable[[], bytes]] = {
    "JPEG, one scan": lambda: jpeg(0),
    "JPEG, one scan, the most after drafting": lambda: encoded(plain(2 * decoding.KEPT_SIDE - 1), "JPEG"),
    "JPEG, progressive": lambda: jpeg(3, progressive=True),
    "JPEG, progressive, all colours": lambda: jpeg(6, progressive=True, subsampling=0),
    "JPEG, progressive, CMYK": lambda: jpeg(8, "CMYK", progressive=True, subsampling=0),
    "PNG, transparent": lambda: encoded(plain(largest("PNG"), "RGBA"), "PNG", compress_level=1),
    "PNG, interlaced, transparent, 16 bits": lambda: interlaced(largest("PNG") // 8 * 8),
    "WebP": lambda: encoded(plain(largest("WEBP")), "WEBP", method=0),
    "WebP, transparent": lambda: encoded(plain(largest("WEBP"), "RGBA"), "WEBP", method=0),
    "WebP, lossless, transparent": lambda: encoded(plain(largest("WEBP"), "RGBA"), "WEBP", lossless=True, method=0),
    "AVIF, transparent, all colours": lambda: encoded(
        plain(largest("AVIF"), "RGBA"), "AVIF", speed=10, subsampling="4:4:4"
    ),
}


@pytest.mark.parametrize("coding", COSTLY)
def test_the_worst_coding_of_each_format_fits_into_the_memory(coding: str) -> None:
    stored = clean_picture(upload(COSTLY[coding]()))
    assert max(Image.open(stored).size) == decoding.KEPT_SIDE


@pytest.mark.parametrize("name", ["PNG", "WEBP", "AVIF"])
def test_the_next_larger_one_is_refused_by_its_header(name: str) -> None:
    with pytest.raises(decoding.RefusedError, match="too_many_pixels"):
        decoding.clean(encoded(plain(largest(name) + 8), name))


@pytest.mark.parametrize(("mode", "size"), [("RGB", (8000, 5600)), ("CMYK", (8000, 7000))], ids=["progressive", "CMYK"])
def test_the_pictures_that_killed_a_worker_are_refused(mode: str, size: tuple[int, int]) -> None:
    content = encoded(Image.new(mode, size), "JPEG", progressive=True, subsampling=0)
    assert len(content) < uploads.MAX_BYTES
    with pytest.raises(ValidationError, match="too many pixels"):
        clean_picture(upload(content))


def test_a_jpeg_of_one_scan_for_each_colour_counts_like_a_progressive_one() -> None:
    content = encoded(plain(6000), "JPEG", subsampling=0)
    scan = content.index(b"\xff\xda")
    # Only the first of three colours: the decoder waits for more scans, and keeps all coefficients for them.
    several = content[:scan] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + content[scan + 14 :]
    with pytest.raises(decoding.RefusedError, match="too_many_pixels"):
        decoding.clean(several)


def test_the_process_s_limit_holds_where_the_reckoning_fails() -> None:
    blind = "from news import decoding; decoding._check_cost = lambda *_: None; decoding.main()"
    content = encoded(Image.new("CMYK", (8000, 7000)), "JPEG", progressive=True, subsampling=0)
    done = subprocess.run([sys.executable, "-c", blind], input=content, capture_output=True, check=False)
    assert done.returncode == 0
    assert b'"too_many_pixels"' in done.stdout or b'"damaged"' in done.stdout


def test_a_process_that_the_kernel_ends_costs_only_its_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PROGRAM", (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(ValidationError, match="too much memory or time"):
        clean_picture(upload())


def test_a_picture_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PROGRAM", (sys.executable, "-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(uploads, "DEADLINE", 0.1)
    with pytest.raises(ValidationError, match="too much memory or time"):
        clean_picture(upload())


def test_the_process_that_answers_requests_decodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("decoded here")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    monkeypatch.setattr(Image, "open", refuse)
    assert PictureField().clean(upload()).size


def test_one_picture_is_opened_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(uploads, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(uploads, "PATIENCE", 0.1)
    with uploads._one_at_a_time(), pytest.raises(ValidationError, match="Many pictures"):  # noqa: SLF001 - it has no public name
        clean_picture(upload())


def test_the_process_gets_none_of_our_variables_and_is_the_first_that_the_kernel_ends() -> None:
    confined = "import runpy, sys; runpy.run_path(sys.argv[1])['confine']()"
    report = "import os, resource as r; adjusted = open('/proc/self/oom_score_adj').read()"
    report += "; print(*r.getrlimit(r.RLIMIT_AS), *os.environ, adjusted)"
    command = [*PROGRAM[:-1], "-c", f"{confined}; {report}", PROGRAM[-1]]
    done = subprocess.run(command, capture_output=True, text=True, env={}, check=True)
    memory, most, *variables, first = done.stdout.split()
    assert int(memory) == int(most) == decoding.ADDRESS_SPACE
    assert first == "1000"
    assert not {"SECRETS_DIR", "PYTHONPATH"} & {*variables}


def test_pages_leave_its_memory_free_when_they_grow() -> None:
    settings = (Path(decoding.__file__).parents[1] / "gunicorn.conf.py").read_text(encoding="utf-8")

    assert f"beside={decoding.ADDRESS_SPACE >> 20} << 20" in settings
