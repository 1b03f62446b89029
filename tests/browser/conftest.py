"""The browser of the journey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.browser import browser, build_image, picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver.remote.webdriver import WebDriver


@pytest.fixture(scope="session")
def image() -> None:
    """Build the browser's image."""
    build_image()


@pytest.fixture
def chromium(image: None, request: pytest.FixtureRequest) -> Iterator[WebDriver]:  # noqa: ARG001 - only has to exist
    """Return a fresh browser; a screenshot of its last page is kept in tests/output/."""
    with browser() as session:
        yield session
        picture(session, request.node.name)
