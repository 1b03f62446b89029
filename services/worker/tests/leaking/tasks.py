"""The task that leaks."""

from __future__ import annotations

import os

from landfast_outbox.psycopg import PsycopgDatabase
from tasks.celery_app import app

#: Memory that each run leaks.
LEAK = 10 << 20

_leaked: list[bytes] = []


@app.task(name="tests.leak", ignore_result=True)
def leak(number: int) -> None:
    """Write a row with this process, and leak 10 MiB."""
    _leaked.append(b"x" * LEAK)
    process = f"{os.getpid()}.{os.environ['STARTS']}"
    PsycopgDatabase.connection().execute("INSERT INTO public.leak VALUES (%s, %s)", [number, process])
