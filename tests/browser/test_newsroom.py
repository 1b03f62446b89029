"""An editor writes an article, previews it, schedules it, and publishes it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.support.browser import FILES, OUTPUT, click, fill, log_in, see
from tests.support.site import Site
from tests.support.stack import ROOT
from tests.support.staff import employ
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver.remote.webdriver import WebDriver

    from tests.conftest import Person
    from tests.support.stack import Stack

PICTURE = ROOT / "services" / "web-django" / "news" / "seed" / "5-a-deploy-that-nobody-noticed.webp"

#: Seconds that a worker may take for a cover's pictures.
PICTURES = 60


@pytest.fixture
def cover() -> Iterator[str]:
    """Return the path of a picture in the browser's container."""
    path = OUTPUT / f"{token_hex(4)}.webp"
    shutil.copy(PICTURE, path)
    yield f"{FILES}/{path.name}"
    path.unlink()


def test_an_editor_writes_previews_schedules_and_publishes(
    stack: Stack, site: Site, chromium: WebDriver, person: Person, cover: str
) -> None:
    employ(stack, person, "editor")
    log_in(chromium, stack.http_url, person.name, person.password)
    slug = f"a-new-ferry-{token_hex(4)}"
    title = slug.replace("-", " ").capitalize()
    write(chromium, stack, title, cover)
    preview(chromium, title)
    assert site.get(f"/news/{slug}/").status_code == 404, "readers see a draft"
    schedule(chromium, stack, title)
    assert site.get(f"/news/{slug}/").status_code == 404, "readers see tomorrow's article"
    publish(chromium, stack, title)
    read(chromium, stack, slug, title)


def write(chromium: WebDriver, stack: Stack, title: str, cover: str) -> None:
    chromium.get(f"{stack.http_url}/admin/news/article/add/")
    fill(chromium, {"title": title, "summary": "She comes on Sunday.", "author_name": "The harbour office"})
    fill(chromium, {"body": "She is *longer* than the old one.\n\n## What she carries\n\n- cars\n- sheep"})
    chromium.find_element(By.NAME, "cover").send_keys(cover)
    fill(chromium, {"cover_alt": "Two ferries pass each other"})
    click(chromium, "[name=_preview]")


def preview(chromium: WebDriver, title: str) -> None:
    see(chromium, "h1", title)
    assert see(chromium, ".prose em").text == "longer"
    assert [each.text for each in chromium.find_elements(By.CSS_SELECTOR, ".prose li")] == ["cars", "sheep"]
    assert see(chromium, ".cover img").get_attribute("alt") == "Two ferries pass each other"


def schedule(chromium: WebDriver, stack: Stack, title: str) -> None:
    open_in_admin(chromium, stack, title)
    Select(see(chromium, "[name=status]")).select_by_value("published")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    fill(chromium, {"published_at_0": f"{tomorrow:%Y-%m-%d}", "published_at_1": "08:00:00"})
    click(chromium, "[name=_save]")
    see(chromium, ".messagelist .success", title)
    chromium.get(stack.http_url)
    assert not chromium.find_elements(By.LINK_TEXT, title)


def publish(chromium: WebDriver, stack: Stack, title: str) -> None:
    open_in_admin(chromium, stack, title)
    now = datetime.now(UTC)
    fill(chromium, {"published_at_0": f"{now:%Y-%m-%d}", "published_at_1": f"{now:%H:%M:%S}"})
    click(chromium, "[name=_save]")
    see(chromium, ".messagelist .success", title)


def read(chromium: WebDriver, stack: Stack, slug: str, title: str) -> None:
    """Open the article as a reader, once a worker has made the cover's pictures."""
    chromium.delete_all_cookies()
    visitor = Site(stack.http_url)
    wait_until(lambda: "image/avif" in visitor.get(f"/news/{slug}/").text, PICTURES, "the cover's pictures")
    chromium.get(stack.http_url)
    click(chromium, "main a", title)
    see(chromium, "h1", title)
    image = see(chromium, ".cover img")
    wait_until(lambda: chromium.execute_script("return arguments[0].naturalWidth > 400", image), 10, "the picture")
    assert str(image.get_property("currentSrc")).endswith(".avif")


def open_in_admin(chromium: WebDriver, stack: Stack, title: str) -> None:
    chromium.get(f"{stack.http_url}/admin/news/article/?q={title.rpartition(' ')[2]}")
    click(chromium, "#result_list .field-title a", title)
    see(chromium, "[name=title]")
