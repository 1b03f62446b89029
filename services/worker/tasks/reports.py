"""Reports over datasets: the long-running kind."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tasks.celery_app import app
from tasks.retrying import once_committed

if TYPE_CHECKING:
    from celery import Task


#: While the database is away: seconds between two attempts at most, and how many there are, for about half an hour.
LONGEST_WAIT, RETRIES = 60, 40


@app.task(
    bind=True,
    ignore_result=True,
    autoretry_for=(ConnectionError,),
    retry_backoff=1,
    retry_backoff_max=LONGEST_WAIT,
    max_retries=RETRIES,
)
def run_report(self: Task[Any, Any], report_id: str) -> None:
    """Run a report; it may be run again after its worker died.

    Args:
        self: the running task.
        report_id: the report's UUID.
    """
    from api.reports import running  # noqa: PLC0415

    once_committed(self, partial(running.run_report, report_id))
