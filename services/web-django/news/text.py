"""How an article's text becomes a page: plain paragraphs, which templates escape like any other value."""

from __future__ import annotations

import re

_BLANK_LINES = re.compile(r"\n\s*\n")


def paragraphs(text: str) -> list[str]:
    """Split a text at blank lines; single line ends count as spaces."""
    parts = _BLANK_LINES.split(text.replace("\r\n", "\n"))
    return [" ".join(part.split()) for part in parts if part.strip()]
