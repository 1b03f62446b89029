"""A task that proves consumption: it travels the way of every other one, into this very worker, and leaves a mark."""

from __future__ import annotations

import time
from pathlib import Path

from landfast_runtime.celery import ConfirmedTask

from tasks.celery_app import app

#: Touched by each probe that ran; the health check reads its age. /tmp is the container's own tmpfs.
MARK = Path("/tmp/worker-consumed")  # noqa: S108


@app.task(base=ConfirmedTask, name="probe.consume", ignore_result=True, send_events=False, internal=True, expires=60)
def consume() -> None:
    """Leave the time in :data:`MARK`."""
    MARK.write_text(str(time.time()), encoding="ascii")
