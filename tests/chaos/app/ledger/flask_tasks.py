"""The API's task: it books in SQLAlchemy's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.celery import app
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase

from ledger.bodies import book
from ledger.entry import Entry

if TYPE_CHECKING:
    from celery import Task


@app.task(bind=True, name="ledger.book_with_sqlalchemy")
def book_with_sqlalchemy(self: Task[..., str], entry: str, run: str, work: float) -> str:
    """Book an entry that the API accepted."""
    book(SQLAlchemyDatabase.connection().exec_driver_sql, Entry(entry, run, work), str(self.request.id))
    return entry
