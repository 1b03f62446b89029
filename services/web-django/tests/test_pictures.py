"""Renditions: made by a worker, chosen by browsers, removed with their cover."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.template import Context, Template
from news.models import Article, Rendition
from news.pictures import WIDTHS, ArticleMissingError, cover_of, make_missing_thumbnails, make_thumbnails, thumbnail_url
from news.signals import cover_uploaded
from PIL import Image

from tests.pictures import encoded, picture, upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from landfast_testing.outbox import Outbox
    from pytest_django import DjangoCaptureOnCommitCallbacks

    MakeArticle = Callable[..., Article]

pytestmark = pytest.mark.slow  # each encodes a picture in several widths and formats


@pytest.fixture
def announced() -> Iterator[list[int]]:
    """Return the articles whose new covers were announced."""
    heard: list[int] = []

    def hear(article: Article, **_: object) -> None:
        heard.append(article.pk)

    cover_uploaded.connect(hear)
    yield heard
    cover_uploaded.disconnect(hear)


@pytest.fixture
def illustrated(make_article: MakeArticle) -> Article:
    """Return an article with a cover of 1600 by 900 pixels."""
    return make_article(cover=upload(), cover_alt="A red sail")


def stored() -> set[str]:
    """Return the names of all pictures in the storage."""

    def names(folder: str) -> Iterator[str]:
        folders, files = default_storage.listdir(folder)
        yield from (f"{folder}/{name}".removeprefix("/") for name in files)
        for name in folders:
            yield from names(f"{folder}/{name}".removeprefix("/"))

    return set(names(""))


@pytest.fixture(autouse=True)
def _empty_storage() -> Iterator[None]:
    yield
    for name in stored():
        default_storage.delete(name)


def html(article: Article, arguments: str = "") -> str:
    template = Template(f"{{% load news_pictures %}}{{% cover article {arguments} %}}")
    return template.render(Context({"article": Article.objects.get(pk=article.pk)}))


def test_it_makes_a_cover_in_several_widths_and_formats(illustrated: Article) -> None:
    assert make_thumbnails(illustrated.pk) == 8
    for rendition in illustrated.renditions.all():
        with rendition.file.open() as file:
            image = Image.open(io.BytesIO(file.read()))
        assert (image.format or "").lower() == rendition.format
        assert image.size == (rendition.width, rendition.height)
        assert abs(rendition.width / rendition.height - 16 / 9) < 0.01
    made = {(rendition.format, rendition.width) for rendition in illustrated.renditions.all()}
    assert made == {(name, width) for name in ("avif", "webp") for width in (480, 960, 1440, 1600)}


def test_it_never_blows_a_picture_up(make_article: MakeArticle) -> None:
    article = make_article(cover=upload(encoded(picture((700, 400)))))
    make_thumbnails(article.pk)
    assert {one.width for one in article.renditions.all()} == {480, 700}


def test_it_makes_nothing_wider_than_the_widest_page(make_article: MakeArticle) -> None:
    article = make_article(cover=upload(encoded(picture((2400, 1200)))))
    make_thumbnails(article.pk)
    assert {one.width for one in article.renditions.all()} == set(WIDTHS)


def test_it_makes_them_once_when_asked_twice(illustrated: Article) -> None:
    make_thumbnails(illustrated.pk)
    before = stored()
    assert make_thumbnails(illustrated.pk) == 0
    assert stored() == before


def test_it_tells_caches_that_the_page_has_changed(illustrated: Article) -> None:
    make_thumbnails(illustrated.pk)
    assert Article.objects.get(pk=illustrated.pk).modified_at > illustrated.modified_at


def test_it_says_so_when_the_article_is_not_there_yet(db: None) -> None:  # noqa: ARG001 - opens the database
    with pytest.raises(ArticleMissingError, match="no article 4711"):
        make_thumbnails(4711)
    assert issubclass(ArticleMissingError, LookupError)


def test_it_has_nothing_to_make_without_a_cover(make_article: MakeArticle) -> None:
    assert make_thumbnails(make_article().pk) == 0


def test_it_has_nothing_to_make_of_a_cover_that_was_removed_meanwhile(illustrated: Article) -> None:
    default_storage.delete(illustrated.cover.name or "")
    assert make_thumbnails(illustrated.pk) == 0
    assert not Rendition.objects.exists()


def test_it_makes_nothing_of_a_cover_that_was_replaced_meanwhile(
    illustrated: Article, monkeypatch: pytest.MonkeyPatch
) -> None:
    resize = Image.Image.resize

    def replace(image: Image.Image, *arguments: Any, **options: Any) -> Image.Image:  # noqa: ANN401 - Pillow's
        Article.objects.filter(pk=illustrated.pk).update(cover="covers/another.jpg")
        return resize(image, *arguments, **options)

    monkeypatch.setattr(Image.Image, "resize", replace)
    assert make_thumbnails(illustrated.pk) == 0
    assert not Rendition.objects.exists()


def test_it_leaves_no_files_behind_when_storing_fails(illustrated: Article) -> None:
    def fail(execute: Any, sql: str, *rest: Any) -> Any:  # noqa: ANN401 - Django's own signature
        if sql.startswith('INSERT INTO "news_rendition"'):
            raise ConnectionError("the database went away")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail), pytest.raises(ConnectionError):
        make_thumbnails(illustrated.pk)
    assert stored() == {illustrated.cover.name}


def test_it_lets_the_browser_choose(illustrated: Article) -> None:
    make_thumbnails(illustrated.pk)
    page = html(illustrated, "sizes='50vw'")
    assert page.index('type="image/avif"') < page.index('type="image/webp"') < page.index("<img")
    assert page.count("480w") == page.count("1600w") == 2
    assert page.count('sizes="50vw"') == 2
    smallest = illustrated.renditions.get(format="webp", width=480)
    assert f"{smallest.file.url} 480w" in page


def test_it_keeps_the_place_of_a_picture_that_is_still_loading(illustrated: Article) -> None:
    page = html(illustrated)
    assert 'width="1600" height="900"' in page
    assert 'alt="A red sail"' in page
    assert 'loading="lazy"' in page
    assert 'fetchpriority="high"' in html(illustrated, "eager=True")
    assert "lazy" not in html(illustrated, "eager=True")


def test_it_shows_the_cover_itself_until_the_others_are_made(illustrated: Article) -> None:
    page = html(illustrated)
    assert f'src="{illustrated.cover.url}"' in page
    assert "<source" not in page


def test_it_shows_nothing_where_there_is_no_cover(make_article: MakeArticle) -> None:
    article = make_article()
    assert cover_of(article) is None
    assert thumbnail_url(article) is None
    assert html(article).strip() == ""


def test_it_announces_a_new_cover_and_no_other_change(
    illustrated: Article, make_article: MakeArticle, announced: list[int]
) -> None:
    second = make_article("Second", cover=upload())
    assert announced == [second.pk]
    for article in (second, illustrated):
        article.title = "Another title"
        article.save()
    assert announced == [second.pk]
    illustrated.cover.save("other.jpg", upload())
    assert announced == [second.pk, illustrated.pk]


def test_it_orders_the_pictures_from_a_worker(outbox: Outbox, make_article: MakeArticle) -> None:
    illustrated = make_article(cover=upload(), cover_alt="A red sail")
    [task] = outbox.tasks
    assert (task.name, task.arguments) == ("news.tasks.make_thumbnails", [illustrated.pk])


def test_it_undoes_the_cover_when_the_announcement_fails(illustrated: Article) -> None:
    before = illustrated.cover.name

    def fail(**_: object) -> None:
        raise ConnectionError("nobody takes it")

    cover_uploaded.connect(fail)
    try:
        with pytest.raises(ConnectionError), transaction.atomic():
            illustrated.cover.save("other.jpg", upload())
    finally:
        cover_uploaded.disconnect(fail)
    assert Article.objects.get().cover.name == before
    assert default_storage.exists(before or "")


def test_it_gives_every_file_a_name_that_nobody_guesses(illustrated: Article, make_article: MakeArticle) -> None:
    second = make_article("Second", cover=upload(name="../../harbour.PNG"))
    names = [illustrated.cover.name or "", second.cover.name or ""]
    assert names[0] != names[1]
    for name in names:
        assert "harbour" not in name
        assert len(name.rpartition("/")[2]) >= 36


def test_it_removes_everything_of_a_cover_that_was_replaced(
    illustrated: Article, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_thumbnails(illustrated.pk)
    before = stored()
    assert len(before) == 9
    with django_capture_on_commit_callbacks(execute=True):
        illustrated.cover.save("other.jpg", upload())
        assert before < stored(), "nothing goes before the change is sure"
    assert stored() == {illustrated.cover.name}
    assert not illustrated.renditions.exists()
    assert make_thumbnails(illustrated.pk) == 8


def test_it_removes_everything_of_a_cover_that_was_taken_away(
    illustrated: Article,
    announced: list[int],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    announced.clear()
    make_thumbnails(illustrated.pk)
    with django_capture_on_commit_callbacks(execute=True):
        illustrated.cover = ""
        illustrated.save()
    assert stored() == set()
    assert announced == []


def test_it_removes_everything_of_an_article_that_was_deleted(
    illustrated: Article, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_thumbnails(illustrated.pk)
    with django_capture_on_commit_callbacks(execute=True):
        Article.objects.all().delete()
    assert stored() == set()


def test_it_goes_on_when_a_file_cannot_be_removed(
    illustrated: Article,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    def fail(_name: str) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(default_storage, "delete", fail)
    with django_capture_on_commit_callbacks(execute=True):
        illustrated.delete()
    monkeypatch.undo()
    assert f"cannot remove the picture {illustrated.cover.name}" in caplog.text


@pytest.mark.django_db
def test_it_makes_what_is_missing_and_lets_no_broken_cover_stop_it(make_article: MakeArticle) -> None:
    broken, whole = make_article("Broken", cover=upload()), make_article("Whole", cover=upload())
    make_article("Without a cover")
    with broken.cover.storage.open(broken.cover.name or "", "wb") as file:
        file.write(b"no picture")
    assert make_missing_thumbnails() == whole.renditions.count() > 0
    assert not broken.renditions.exists()
    assert make_missing_thumbnails() == 0
