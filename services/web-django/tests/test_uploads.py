"""Validation and re-encoding of pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict
from news import decoding
from news.uploads import KEPT_SIDE, MAX_BYTES, PictureField, clean_picture
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from tests.pictures import encoded, picture, png_that_claims, upload

if TYPE_CHECKING:
    from django.core.files.uploadedfile import SimpleUploadedFile

ORIENTATION, GPS, MAKER = 0x0112, 0x8825, 0x010F


def kept(content: bytes, name: str = "harbour.jpg") -> Image.Image:
    return Image.open(clean_picture(upload(content, name)))


def refusal(content: bytes) -> str:
    with pytest.raises(ValidationError) as refused:
        clean_picture(upload(content))
    assert refused.value.messages[0]
    code = refused.value.code
    assert code is not None
    return code


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_it_takes_the_usual_formats_whatever_the_name_says(file_format: str) -> None:
    image = kept(encoded(picture(), file_format), "notes.txt")
    assert (image.format, image.size) == ("JPEG", (1600, 900))


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html>",
        b"GIF89a" + b"\0" * 100,
        encoded(picture(), "GIF"),
        encoded(picture(), "TIFF"),
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
    ],
    ids=["svg", "html", "broken gif", "gif", "tiff", "start of a jpeg", "start of a png"],
)
def test_it_judges_by_content_not_by_name(content: bytes) -> None:
    assert refusal(content) == "not_a_picture"


def test_it_refuses_a_picture_that_ends_early() -> None:
    content = encoded(picture())
    assert refusal(content[: len(content) // 2]) == "damaged"


def test_it_refuses_a_file_that_is_too_large() -> None:
    assert refusal(encoded(picture()) + b"\0" * MAX_BYTES) == "too_large"


@pytest.mark.parametrize("size", [(639, 900), (1600, 319), (1, 1)])
def test_it_refuses_a_picture_that_is_too_small(size: tuple[int, int]) -> None:
    assert refusal(encoded(picture(size))) == "too_small"


@pytest.mark.parametrize("size", [(12_001, 400), (6000, 5000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_it_refuses_a_bomb_before_it_is_unpacked(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[ImageFile.ImageFile] = []
    monkeypatch.setattr(ImageFile.ImageFile, "load", unpacked.append)
    with pytest.raises(decoding.RefusedError, match="too_many_pixels"):
        decoding.clean(png_that_claims(*size))
    assert not unpacked


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "AVIF"])
def test_it_refuses_moving_pictures(file_format: str) -> None:
    frames = [picture(), picture().rotate(180)]
    assert refusal(encoded(frames[0], file_format, save_all=True, append_images=frames[1:])) == "moving"


@pytest.mark.parametrize(("orientation", "corner"), [(3, "bottom right"), (6, "top right"), (8, "bottom left")])
def test_it_turns_a_picture_as_its_camera_was_held(orientation: int, corner: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = kept(encoded(picture(), exif=exif))
    width, height = image.size
    assert (width > height) is (orientation == 3)
    x = width // 4 if "left" in corner else width * 3 // 4
    y = height // 4 if "top" in corner else height * 3 // 4
    pixel = image.getpixel((x, y))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 150 > pixel[2], f"red is not {corner}"


def test_it_measures_a_picture_as_it_will_stand() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    assert kept(encoded(picture((400, 800)), exif=exif)).size == (800, 400)
    assert refusal(encoded(picture((800, 400)), exif=exif)) == "too_small"


def test_it_drops_what_cameras_and_authors_wrote_into_a_jpeg() -> None:
    exif = Image.Exif()
    exif[MAKER] = "Spy camera"
    exif.get_ifd(GPS)[1] = "N"
    content = encoded(picture(), exif=exif, comment=b"met at the pier") + b"<script>alert(1)</script>"
    stored = clean_picture(upload(content)).read()
    for trace in (b"Spy camera", b"met at the pier", b"<script>", b"Exif"):
        assert trace in content
        assert trace not in stored


def test_it_drops_what_was_written_into_a_png() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "Somebody who wants no name")
    content = encoded(picture(mode="RGBA"), "PNG", pnginfo=notes)
    stored = clean_picture(upload(content)).read()
    assert b"Somebody" in content
    assert b"Somebody" not in stored


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_it_keeps_transparency(mode: str) -> None:
    source = picture(mode="RGBA").quantize() if mode == "P" else picture(mode="RGBA").convert(mode)
    image = kept(encoded(source, "PNG"))
    assert (image.format, image.mode) == ("WEBP", "RGBA")
    pixel = image.getpixel((1500, 800))
    assert isinstance(pixel, tuple)
    assert 60 < pixel[3] < 120


@pytest.mark.parametrize("mode", ["L", "CMYK", "1", "RGBA"])
def test_it_makes_everything_else_plain_colour(mode: str) -> None:
    source = picture(mode="RGB").convert(mode)
    image = kept(encoded(source, "JPEG" if mode == "CMYK" else "PNG"))
    assert (image.format, image.mode) == ("JPEG", "RGB")


def test_it_shrinks_what_is_larger_than_pages_show() -> None:
    image = kept(encoded(picture((6000, 3000))))
    assert image.size == (KEPT_SIDE, KEPT_SIDE // 2)


def test_it_translates_colours_instead_of_keeping_their_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for icc_profile in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), profile, b"nonsense"):
        image = kept(encoded(picture(), icc_profile=icc_profile))
        assert "icc_profile" not in image.info
        pixel = image.getpixel((1500, 800))
        assert isinstance(pixel, tuple)
        assert pixel[2] > 150 > pixel[0]


def test_it_is_a_field_of_forms() -> None:
    class Form(forms.Form):
        cover = PictureField(required=False)

    def form(file: SimpleUploadedFile | None) -> Form:
        return Form({}, MultiValueDict({"cover": [file]} if file else {}))

    assert 'accept="image/jpeg,image/png,image/webp,image/avif"' in str(form(None)["cover"])
    assert form(None).is_valid()
    good = form(upload())
    assert good.is_valid()
    assert Image.open(io.BytesIO(good.cleaned_data["cover"].read())).format == "JPEG"
    assert "no picture" in form(upload(b"<html>")).errors["cover"][0]
