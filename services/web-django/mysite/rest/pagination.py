"""How long answers are cut."""

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

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return where the page begins: at a time, as both orders have it.

        Raises:
            NotFound: the cursor is none that was handed out here.
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
