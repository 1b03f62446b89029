"""What a browser's console says of a page: its errors, the exceptions that nothing caught, the requests that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

#: The level of what is wrong; below it are warnings and notes.
ERROR = "SEVERE"


def errors(session: WebDriver) -> list[str]:
    """Return the errors since the last call; that a page itself is a 403 or a 404 is none of them.

    Chromium tells of each page that is not found as of a picture that is not, by the address alone.
    """
    said: list[dict[str, Any]] = session.execute("getLog", {"type": "browser"})["value"]
    messages = [entry["message"] for entry in said if entry["level"] == ERROR]
    itself = f"{session.current_url} - Failed to load resource"
    return [message for message in messages if not message.startswith(itself)]
