"""Finding articles by their words: PostgreSQL's own search, which knows word forms, ranks and marks what it found."""

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

#: As much as anybody would type; more only costs time.
LONGEST = 200

#: What stands around a word that was found, until the text is escaped: characters that no text has.
_BEGIN, _END = "\x02", "\x03"

#: Markdown's signs, as PostgreSQL's expressions, and what stays of each: an excerpt shows words alone.
_SIGNS = (
    (r"!?\[([^\]]*)\]\([^)]*\)", r"\1"),  # links and pictures
    (r"(^|\n)[ ]{0,3}(#{1,6}|>|[-*+]|\d+\.)[ ]+", r"\1"),  # headings, quotations, lists
    (r"\*+|`+|~~", ""),  # emphasis and code
)


def query(words: str) -> SearchQuery:
    """Return what people typed as a query: words, "phrases", -without, this or that."""
    return SearchQuery(words[:LONGEST].replace("\x00", ""), config=SEARCH_CONFIG, search_type="websearch")


def matching[M: Model, Row](articles: QuerySet[M, Row], words: str) -> QuerySet[M, Row]:
    """Return the articles that match, the best first."""
    wanted = query(words)
    # The column itself: by its name alone Django would make a new vector of its text, without the weights.
    found: QuerySet[Any, Row] = articles.filter(search=wanted).annotate(rank=SearchRank(F("search"), wanted))
    return found.order_by("-rank", "-published_at", "-pk")


def with_excerpts[M: Model, Row](articles: QuerySet[M, Row], words: str) -> QuerySet[M, Row]:
    """Add to each article, as ``excerpt``, where its text has the words; :func:`marked` makes HTML of that."""
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
    """Return Markdown without its signs."""
    for sign, rest in _SIGNS:
        text = Func(text, Value(sign), Value(rest), Value("g"), function="regexp_replace", output_field=TextField())
    return text


def marked(excerpt: str) -> SafeString:
    """Return an excerpt as HTML, with ``<mark>`` around the words that were found."""
    safe = escape(excerpt).replace(_BEGIN, "<mark>").replace(_END, "</mark>")
    return mark_safe(safe)  # noqa: S308 - escaped above
