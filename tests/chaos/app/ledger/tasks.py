"""The tasks: an effect in the database, in Django's transaction or in SQLAlchemy's, and one outside."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING

from landfast_runtime.logs import task_id
from tasks.celery_app import app

from ledger.entry import BOOK, Entry

if TYPE_CHECKING:
    from celery import Task

#: The name of the actor whose body :func:`book_by_dramatiq` is.
ACTOR = "ledger.tasks.book_by_dramatiq"

RECORDER = "http://recorder:8000/"

#: Seconds that the recorder may take to say that a line is on its disk.
TIMEOUT = 20


@app.task(bind=True)
def book_with_django(self: Task[..., str], entry: str, run: str, work: float) -> str:
    """Book an entry that the site accepted."""
    from django.db import connection  # noqa: PLC0415 - callers without Django send no such task, but import this

    booked = Entry(entry, run, work)
    with connection.cursor() as cursor:
        cursor.execute(BOOK, booked.row(str(self.request.id)))
    tell_recorder(str(self.request.id), booked)
    return entry


@app.task(bind=True, database="api")
def book_with_sqlalchemy(self: Task[..., str], entry: str, run: str, work: float) -> str:
    """Book an entry that the API accepted."""
    book(Entry(entry, run, work), str(self.request.id))
    return entry


def book_by_dramatiq(entry: str, run: str, work: float) -> None:
    """Book an entry that the API accepted: the body of an actor, which finds its id where log lines do."""
    book(Entry(entry, run, work), str(task_id.get()))


def book(entry: Entry, task: str) -> None:
    """Have both effects, in the transaction that SQLAlchemy has open for the task."""
    from landfast_outbox.sqlalchemy import SQLAlchemyDatabase  # noqa: PLC0415 - the site has no SQLAlchemy

    SQLAlchemyDatabase.connection().exec_driver_sql(BOOK, entry.row(task))
    tell_recorder(task, entry)


def tell_recorder(task: str, entry: Entry) -> None:
    """Have the effect outside, which no transaction holds, and then go on working."""
    line = f"{entry.run} {entry.entry}".encode()
    request = urllib.request.Request(RECORDER, line, {"Idempotency-Key": task}, method="POST")
    with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
        time.sleep(entry.work)
