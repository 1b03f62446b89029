"""The errors on a browser's console: of pages, unhandled exceptions, failed requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

#: The level of errors; below it are warnings and information.
ERROR = "SEVERE"


def errors(session: WebDriver) -> list[str]:
    """Return the errors since the last call; a page that is itself a 403 or a 404 does not count.

    Chromium reports a missing page like a missing picture; only the address tells them apart.
    """
    said: list[dict[str, Any]] = session.execute("getLog", {"type": "browser"})["value"]
    messages = [entry["message"] for entry in said if entry["level"] == ERROR]
    itself = f"{session.current_url} - Failed to load resource"
    return [message for message in messages if not message.startswith(itself)]
