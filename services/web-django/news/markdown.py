"""Authors' Markdown as safe HTML.

There are two defences: the renderer escapes HTML in the text, and its output is sanitised to a list of harmless tags,
so that no bug of the renderer or an extension can put a script on a page.
"""

from __future__ import annotations

from functools import cache, lru_cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

TAGS = {
    *("p", "br", "hr", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "del", "code", "pre", "blockquote"),
    *("ul", "ol", "li", "a", "img", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "code": {"class"},
}
SCHEMES = {"http", "https", "mailto"}

#: The page has one first-level heading, the article's title.
DEEPEST = 6

#: Texts whose HTML a process keeps: those of the pages that are read now.
KEPT = 64


@cache
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable(["table", "strikethrough"])
    renderer.core.ruler.push("lower_headings", _lower_headings)
    return renderer


def _lower_headings(state: object) -> None:
    """Renumber headings below the title without gaps, whichever level an author begins with."""
    ranks: list[int] = []
    for token in state.tokens:  # type: ignore[attr-defined]  # state without a public type
        if token.type == "heading_open":
            rank = int(token.tag[1])
            while ranks and ranks[-1] >= rank:
                ranks.pop()
            ranks.append(rank)
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(len(ranks) + 1, DEEPEST)}"


@lru_cache(KEPT)
def render(text: str) -> SafeString:
    """Return Markdown as HTML: CommonMark with tables, headings from the second level on, pictures only from this site.

    Args:
        text: an author's text.
    """
    clean = nh3.clean(
        _renderer().render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_filter,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer",
    )
    return mark_safe(clean)  # noqa: S308 - sanitised by nh3


def _filter(tag: str, attribute: str, value: str) -> str | None:
    """Drop pictures from other sites, which would learn who reads here."""
    if tag == "img" and attribute == "src":
        return value if value.startswith("/") and not value.startswith("//") else None
    return value
