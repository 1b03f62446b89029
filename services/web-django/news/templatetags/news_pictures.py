"""``{% cover article sizes="…" %}``: an article's cover, in whichever width and format suit the browser."""

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
        article: whose cover.
        sizes: how wide the picture will stand, as the attribute ``sizes`` says it.
        eager: whether it stands at the top of the page, where it must not wait.
    """
    return {"cover": cover_of(article), "sizes": sizes, "eager": eager}
