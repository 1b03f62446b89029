"""The quality of the pages: Lighthouse's scores, and axe's findings on each of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.support import axe
from tests.support.browser import DESKTOP, PHONE, browser, see
from tests.support.crawl import public_pages
from tests.support.lighthouse import best_look
from tests.support.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from selenium.webdriver.remote.webdriver import WebDriver

    from tests.support.stack import Stack

    Look = Callable[[tuple[int, int], bool], dict[str, "Looked"]]

#: No link leads an anonymous visitor here, or not surely.
UNLINKED = ("/no-such-page/", "/search/?q=boat", "/search/?q=nothing-has-this-word", "/api/reports")


@pytest.fixture(scope="module")
def pages(stack: Stack) -> list[str]:
    """Return the public pages, some of each kind."""
    return public_pages(Site(stack.http_url), "/", *UNLINKED)


@pytest.fixture(scope="module")
def article(pages: list[str]) -> str:
    """Return the path of an article's page."""
    return next(page for page in pages if page.startswith("/news/") and page.count("/") == 3 and "?" not in page)


@dataclass(frozen=True)
class Looked:
    """A page in a window, as axe and a ruler see it.

    Args:
        width: of all that it shows, in pixels.
        violations: what axe finds.
    """

    width: int
    violations: tuple[str, ...]


@pytest.fixture(scope="module")
def looked(image: None, stack: Stack, pages: list[str]) -> Look:  # noqa: ARG001 - the image only has to exist
    """Return a function that looks at each page in a window of a size, light or dark, once for all tests."""

    @cache
    def looked(size: tuple[int, int], dark: bool) -> dict[str, Looked]:  # noqa: FBT001 - whoever asks names it
        with browser(size, dark=dark) as session:
            return {page: _look(session, stack.http_url + page) for page in pages}

    return looked


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize(
    "kind",
    [
        "list",
        # The same head and styles, and axe looks at them in every run; a look keeps both processors busy.
        pytest.param("detail", marks=pytest.mark.long),
        pytest.param("register", marks=pytest.mark.long),
    ],
)
def test_it_has_lighthouses_best_marks(stack: Stack, article: str, kind: str) -> None:
    path = {"list": "/", "detail": article, "register": "/accounts/register/"}[kind]
    marks = best_look(stack.http_url + path)
    assert set(marks.marks) == {"performance", "accessibility", "best-practices", "seo"}
    assert not marks.too_low, f"{path}\n{marks}"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_on_any_public_page(looked: Look, article: str, size: tuple[int, int], *, dark: bool) -> None:
    pages = looked(size, dark)
    assert {"/", article, "/accounts/register/", "/accounts/login/"} <= set(pages)
    wrong = {page: found.violations for page, found in pages.items() if found.violations}
    report = "\n".join(f"{page}\n  " + "\n  ".join(found) for page, found in wrong.items())
    assert not wrong, f"of {len(pages)} pages these have faults:\n{report}"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_public_page_is_wider_than_a_phone(looked: Look, *, dark: bool) -> None:
    widths = {page: found.width for page, found in looked(PHONE, dark).items()}
    assert {page: width for page, width in widths.items() if width > PHONE[0]} == {}


def _look(session: WebDriver, url: str) -> Looked:
    session.get(url)
    see(session, "main")
    width: int = session.execute_script("return document.documentElement.scrollWidth")
    return Looked(width, tuple(axe.violations(session)))
