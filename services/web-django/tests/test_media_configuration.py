"""The storage of pictures: the volume, or S3-compatible storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from landfast_runtime.env import ConfigError, Env
from mysite.media import MediaStorage

if TYPE_CHECKING:
    from pathlib import Path


def media(tmp_path: Path, value: str) -> MediaStorage:
    return MediaStorage.from_env(Env({"SECRETS_DIR": str(tmp_path), "MEDIA_STORAGE": value}))


@pytest.mark.parametrize("value", ["", "file"])
def test_it_keeps_pictures_on_the_volume_unless_told_otherwise(tmp_path: Path, value: str) -> None:
    storage = media(tmp_path, value)
    assert storage.backend()["BACKEND"] == "django.core.files.storage.FileSystemStorage"
    assert storage.origin is None


def test_it_takes_bucket_server_and_keys_for_s3(tmp_path: Path) -> None:
    (tmp_path / "s3_access_key").write_text("landfast")
    (tmp_path / "s3_secret_key").write_text("correct-horse")
    storage = media(tmp_path, "s3://pictures?endpoint=https://s3.example.org/&region=eu-1")
    options = storage.backend()["OPTIONS"]
    assert options["bucket_name"] == "pictures"
    assert options["endpoint_url"] == "https://s3.example.org"
    assert options["region_name"] == "eu-1"
    assert (options["access_key"], options["secret_key"]) == ("landfast", "correct-horse")
    assert "correct-horse" not in repr(storage)


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("s3://pictures?region=eu-1", "https://pictures.s3.eu-1.amazonaws.com"),
        ("s3://pictures?endpoint=http://minio:9000", "http://minio:9000"),
        ("s3://pictures?endpoint=http://minio:9000&public=https://cdn.example.org/p/", "https://cdn.example.org"),
    ],
)
def test_it_lets_pages_show_pictures_from_there(tmp_path: Path, value: str, origin: str) -> None:
    assert media(tmp_path, value).origin == origin


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("/var/lib/media", "must be empty, file, or like s3://bucket"),
        ("s3://", "must be empty, file, or like s3://bucket"),
        ("s3://bucket/folder", "must be empty, file, or like s3://bucket"),
        ("s3://bucket?endpoint", "must be empty, file, or like s3://bucket"),
        ("s3://bucket?host=x", "has host, knows endpoint, public, region"),
        ("s3://bucket?endpoint=s3.example.org", "endpoint is 's3.example.org': must begin with http:// or https://"),
        ("s3://bucket?endpoint=http://u:p@s3.example.org", "must not contain a user or a password"),
        ("s3://bucket?public=https://a%20b", "'a b' is no host name"),
    ],
)
def test_it_refuses_to_start_on_a_storage_that_makes_no_sense(tmp_path: Path, value: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as error:
        media(tmp_path, value)
    assert error.value.name == "MEDIA_STORAGE"


def test_it_refuses_to_start_with_half_a_key(tmp_path: Path) -> None:
    (tmp_path / "s3_access_key").write_text("landfast")
    with pytest.raises(ConfigError, match="go together"):
        media(tmp_path, "s3://pictures")
