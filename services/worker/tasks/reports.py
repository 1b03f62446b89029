"""Reports over datasets: the long-running kind."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tasks.celery_app import app
from tasks.retrying import once_committed

if TYPE_CHECKING:
    from celery import Task


@app.task(bind=True, ignore_result=True, max_retries=5)
def run_report(self: Task[Any, Any], report_id: str) -> None:
    """Run a report; it may be run again after its worker died.

    Args:
        self: the running task.
        report_id: the report's UUID.
    """
    from api.reports import running  # noqa: PLC0415

    once_committed(self, partial(running.run_report, report_id))
