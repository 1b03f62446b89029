"""How long answers are cut."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination, PageNumberPagination


class Pages(PageNumberPagination):
    """Numbered pages, for what there are thousands of."""

    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"


class Stream(CursorPagination):
    """From one page to the next, as quick at its end as at its start, for what there may be millions of.

    It counts nothing, and nothing is shown twice while new ones arrive.
    """

    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"
    ordering = ("-created_at", "-pk")
