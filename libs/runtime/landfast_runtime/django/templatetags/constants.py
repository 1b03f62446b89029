"""``{% constant %}…{% endconstant %}``: a part of a page that depends on nothing but the language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils.translation import get_language

if TYPE_CHECKING:
    from django.template.base import NodeList, Parser, Token
    from django.template.context import Context
    from django.utils.safestring import SafeString

register = template.Library()


class ConstantNode(template.Node):
    """The part, which is rendered once for each language in a process.

    It lives as long as its template: a loader that reads templates anew renders it anew.

    Args:
        nodelist: what is rendered: texts, translations, addresses and static files, but no variable and no block.
    """

    def __init__(self, nodelist: NodeList) -> None:
        """Remember what to render."""
        self.nodelist = nodelist
        self._rendered: dict[str | None, SafeString] = {}

    def render(self, context: Context) -> SafeString:
        """Return the part in the current language; two threads may render it at once, to the same text."""
        language = get_language()
        if language not in self._rendered:
            self._rendered[language] = self.nodelist.render(context)
        return self._rendered[language]


@register.tag
def constant(parser: Parser, _token: Token) -> ConstantNode:
    """Render a part once for each language."""
    nodelist = parser.parse(("endconstant",))
    parser.delete_first_token()
    return ConstantNode(nodelist)
