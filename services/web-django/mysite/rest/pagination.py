"""Pagination of lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination, PageNumberPagination

if TYPE_CHECKING:
    from rest_framework.pagination import Cursor
    from rest_framework.request import Request


class Pages(PageNumberPagination):
    """Numbered pages, for thousands of rows."""

    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"


class Stream(CursorPagination):
    """Pages by cursor, which are as fast at the end as at the start, for millions of rows.

    Nothing is counted, and no row is shown twice while new ones arrive.
    """

    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"
    ordering = ("-created_at", "-pk")

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return the start of the page, which is a time in both orders.

        Raises:
            NotFound: the cursor is not one of this interface.
        """
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and not _is_time(str(cursor.position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor


def _is_time(text: str) -> bool:
    try:
        time = parse_datetime(text)
    except ValueError:  # such as the 31st of February
        return False
    return time is not None and timezone.is_aware(time)
