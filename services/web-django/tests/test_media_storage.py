"""Covers on a volume and in S3: the same lifecycle, from the upload to the deletion."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest
from django.core.files.storage import default_storage
from landfast_runtime.env import Env
from landfast_testing.waiting import DEADLINE
from moto.server import ThreadedMotoServer
from mysite.media import CACHE_CONTROL, MediaStorage
from news.pictures import make_thumbnails

from tests.pictures import upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message
    from pathlib import Path

    from news.models import Article
    from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

pytestmark = pytest.mark.slow  # as those of test_pictures.py

BUCKET = "pictures"
KEYS = {"s3_access_key": "landfast", "s3_secret_key": "correct-horse-battery"}


def fetch(address: str, method: str = "GET", **headers: str) -> tuple[bytes, Message]:
    """Send a request without a key, like readers."""
    request = urllib.request.Request(address, method=method, headers=headers)  # noqa: S310 - the test's own server
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:  # noqa: S310
        return answer.read(), answer.headers


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """Run a server that speaks S3, and return its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str) -> Iterator[str]:
    """Create an empty public bucket, and return its address."""
    address = f"{s3_server}/{BUCKET}"
    fetch(address, "PUT", **{"x-amz-acl": "public-read"})
    yield address
    fetch(f"{s3_server}/moto-api/reset", "POST")


@pytest.fixture
def in_s3(s3_server: str, bucket: str, settings: Settings, tmp_path: Path) -> str:
    """Store pictures in the bucket, configured by the one variable, and return their public address."""
    for name, value in KEYS.items():
        (tmp_path / name).write_text(value)
    variables = {"SECRETS_DIR": str(tmp_path), "MEDIA_STORAGE": f"s3://{BUCKET}?endpoint={s3_server}&region=eu-1"}
    backend = MediaStorage.from_env(Env(variables)).backend()
    settings.STORAGES = {**settings.STORAGES, "default": backend}
    return f"{bucket}/"


@pytest.fixture
def on_a_volume(settings: Settings, tmp_path: Path) -> Path:
    """Store pictures in a directory."""
    settings.STORAGES = {**settings.STORAGES, "default": MediaStorage().backend()}
    settings.MEDIA_ROOT = str(tmp_path)
    settings.MEDIA_URL = "/media/"
    return tmp_path


def test_it_keeps_covers_in_s3_from_upload_to_deletion(
    in_s3: str,
    make_article: Callable[..., Article],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    cover = upload()
    article = make_article(cover=cover)
    assert article.cover.url == f"{in_s3}{article.cover.name}"
    content, headers = fetch(article.cover.url)
    assert content == upload().read()
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Cache-Control"] == CACHE_CONTROL

    assert make_thumbnails(article.pk) == 8
    addresses = [rendition.file.url for rendition in article.renditions.all()]
    for rendition in article.renditions.all():
        content, headers = fetch(rendition.file.url)
        assert content
        assert headers["Content-Type"] == f"image/{rendition.format}"

    with django_capture_on_commit_callbacks(execute=True):
        article.delete()
    for address in addresses:
        with pytest.raises(HTTPError) as answer:
            fetch(address)
        assert answer.value.code == 404
        answer.value.close()


def test_it_notices_that_a_cover_is_gone_from_s3(in_s3: str, make_article: Callable[..., Article]) -> None:
    assert in_s3
    article = make_article(cover=upload())
    default_storage.delete(article.cover.name or "")
    assert make_thumbnails(article.pk) == 0


def test_it_keeps_covers_on_the_volume_from_upload_to_deletion(
    on_a_volume: Path,
    make_article: Callable[..., Article],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    article = make_article(cover=upload())
    assert article.cover.url == f"/media/{article.cover.name}"
    assert make_thumbnails(article.pk) == 8
    files = [path for path in on_a_volume.rglob("*") if path.is_file()]
    assert len(files) == 9
    with django_capture_on_commit_callbacks(execute=True):
        article.delete()
    assert not [path for path in on_a_volume.rglob("*") if path.is_file()]


def test_it_lets_the_worker_write_and_remove_where_the_site_did(
    on_a_volume: Path, make_article: Callable[..., Article]
) -> None:
    make_article(cover=upload())
    for path in (on_a_volume / "covers").rglob("*"):
        assert path.stat().st_mode & 0o7777 == (0o2775 if path.is_dir() else 0o664)
