"""The site's task: it books in Django's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection
from mysite.celery import app

from ledger.bodies import book
from ledger.entry import Entry

if TYPE_CHECKING:
    from celery import Task


@app.task(bind=True, name="ledger.book_with_django")
def book_with_django(self: Task[..., str], entry: str, run: str, work: float) -> str:
    """Book an entry that the site accepted."""
    with connection.cursor() as cursor:
        book(cursor.execute, Entry(entry, run, work), str(self.request.id))
    return entry
