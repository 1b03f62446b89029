"""Pictures, made ready for pages."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tasks.celery_app import app
from tasks.retrying import FOR_A_DAY, once_committed

if TYPE_CHECKING:
    from celery import Task


@app.task(bind=True, ignore_result=True, **FOR_A_DAY)
def make_thumbnails(self: Task[Any, Any], article_id: int) -> None:
    """Make an article's cover in the widths and formats that browsers choose from."""
    from news import pictures  # noqa: PLC0415

    once_committed(self, partial(pictures.make_thumbnails, article_id))
