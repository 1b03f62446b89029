"""``{% cover article sizes="…" %}``: an article's cover, in the width and format of the browser's choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from news.pictures import cover_of

if TYPE_CHECKING:
    from news.models import Article

register = template.Library()


@register.inclusion_tag("news/_cover.html")
def cover(article: Article, sizes: str = "100vw", *, eager: bool = False) -> dict[str, Any]:
    """Show the cover if there is one.

    Args:
        article: the article.
        sizes: the picture's width on the page, in the format of the attribute ``sizes``.
        eager: whether it is at the top of the page, where it must not be loaded lazily.
    """
    return {"cover": cover_of(article), "sizes": sizes, "eager": eager}
