"""Reports over datasets, made by a worker: the long-running kind of task."""

from __future__ import annotations

from functools import partial

from landfast_runtime.worker.retrying import unless_gone

from api.celery import app

#: While the database is away: the most seconds between two attempts, and their number, for about half an hour.
LONGEST_WAIT, RETRIES = 60, 40


@app.task(
    ignore_result=True,
    long=True,
    autoretry_for=(ConnectionError,),
    retry_backoff=1,
    retry_backoff_max=LONGEST_WAIT,
    max_retries=RETRIES,
)
def run_report(report_id: str) -> None:
    """Make a report; it may run again after its worker has died.

    Args:
        report_id: the report's UUID.
    """
    from api.reports import running  # noqa: PLC0415 - only workers make reports

    unless_gone(partial(running.run_report, report_id))
