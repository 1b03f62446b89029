"""Pictures, made ready for pages."""

from __future__ import annotations

from functools import partial

from tasks.celery_app import app
from tasks.retrying import FOR_A_DAY, unless_gone


@app.task(ignore_result=True, **FOR_A_DAY)
def make_thumbnails(article_id: int) -> None:
    """Make an article's cover in the widths and formats that browsers choose from."""
    from news import pictures  # noqa: PLC0415

    unless_gone(partial(pictures.make_thumbnails, article_id))
