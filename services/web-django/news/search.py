"""Full-text search of articles by PostgreSQL, with word forms, ranking and highlighting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.postgres.search import SearchHeadline, SearchQuery, SearchRank
from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Concat
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from news.models import SEARCH_CONFIG

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.db.models.expressions import Combinable

#: The most characters of a query; more only cost time.
LONGEST = 200

#: Marks around a found word until the text is escaped: characters that no text has.
_BEGIN, _END = "\x02", "\x03"

#: Markdown's markup, as PostgreSQL's regular expressions, and the replacement of each: an excerpt shows only words.
_SIGNS = (
    (r"!?\[([^\]]*)\]\([^)]*\)", r"\1"),  # links and pictures
    (r"(^|\n)[ ]{0,3}(#{1,6}|>|[-*+]|\d+\.)[ ]+", r"\1"),  # headings, quotations, lists
    (r"\*+|`+|~~", ""),  # emphasis and code
)


def query(words: str) -> SearchQuery:
    """Return a user's input as a query: words, "phrases", -without, this or that."""
    return SearchQuery(words[:LONGEST].replace("\x00", ""), config=SEARCH_CONFIG, search_type="websearch")


def matching[M: Model, Row](articles: QuerySet[M, Row], words: str) -> QuerySet[M, Row]:
    """Return the matching articles, the best first."""
    wanted = query(words)
    # The column itself: from its name Django would make a new vector of its text, without the weights.
    found: QuerySet[Any, Row] = articles.filter(search=wanted).annotate(rank=SearchRank(F("search"), wanted))
    return found.order_by("-rank", "-published_at", "-pk")


def with_excerpts[M: Model, Row](articles: QuerySet[M, Row], words: str) -> QuerySet[M, Row]:
    """Add to each article an ``excerpt`` with the found words; :func:`marked` turns it into HTML."""
    annotated: QuerySet[Any, Row] = articles.annotate(
        excerpt=SearchHeadline(
            Concat(F("summary"), Value(" "), _plain(F("body")), output_field=TextField()),
            query(words),
            config=SEARCH_CONFIG,
            start_sel=_BEGIN,
            stop_sel=_END,
            max_fragments=2,
            min_words=8,
            max_words=24,
            fragment_delimiter=" … ",
        )
    )
    return annotated


def _plain(text: Combinable) -> Combinable:
    """Return Markdown without its markup."""
    for sign, rest in _SIGNS:
        text = Func(text, Value(sign), Value(rest), Value("g"), function="regexp_replace", output_field=TextField())
    return text


def marked(excerpt: str) -> SafeString:
    """Return an excerpt as HTML, with ``<mark>`` around the found words."""
    safe = escape(excerpt).replace(_BEGIN, "<mark>").replace(_END, "</mark>")
    return mark_safe(safe)  # noqa: S308 - escaped above
